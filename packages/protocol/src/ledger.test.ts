import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobEnvelope, JobId, TenantId, ToolName, WorkerId, BootId } from '@zerofleet/model';
import { decodeCommit, encodeCommit, LEDGER_VERSION, type Commit, type LedgerEvent } from './ledger.js';
import { parseDone, parseReady, parseRun } from './messages.js';

const ID = '0192f3a0-0000-7000-8000-000000000001' as JobId;
const job: JobEnvelope = {
  id: ID,
  tenant: 'ada' as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  session: null,
  decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
  payload: { kind: 'inline', bytes: 2, payload: { arguments: { a: ['é', null, 1.5] }, files: [] } },
  timeoutMs: 1,
  maxAttempts: 3,
  acceptedAtMs: 0,
};
const EVENTS: LedgerEvent[] = [
  { kind: 'elected', epoch: 3, leader: 'me' },
  { kind: 'accepted', job },
  {
    kind: 'accepted',
    job: { ...job, payload: { kind: 'blob', blob: { sha256: 'a'.repeat(64), bytes: 9 } } },
  },
  { kind: 'started', id: ID, attempt: 1, worker: 'w1' as WorkerId, boot: ID as string as BootId },
  { kind: 'requeued', id: ID, attempt: 1, reason: 'handed_back' },
  { kind: 'cancel_requested', id: ID },
  { kind: 'finished', id: ID, attempt: 1, outcome: { kind: 'timed_out', report: null } },
];
const commit = (events: readonly unknown[]): Commit =>
  ({ v: LEDGER_VERSION, epoch: 3, batch: 1, atMs: 5, events }) as Commit;
const reasonOf = (bytes: Uint8Array): string => {
  const parsed = decodeCommit(bytes);
  if (parsed.ok) throw new Error('was read');
  return parsed.reason;
};

describe('a commit', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS)), (events) => {
        expect(decodeCommit(encodeCommit(commit(events)))).toEqual({ ok: true, value: commit(events) });
      }),
    );
  });

  it.each([
    ['an event that this release does not know', commit([...EVENTS, { kind: 'paused', id: ID }])],
    ['a later version', { ...commit(EVENTS), v: LEDGER_VERSION + 1 }],
    ['an id that is none', commit([{ kind: 'cancel_requested', id: '../x' }])],
    ['an unknown outcome', commit([{ ...EVENTS[6], outcome: { kind: 'vanished', report: null } }])],
    ['no epoch', { ...commit(EVENTS), epoch: undefined }],
  ])('with %s is not read at all', (_what, value) => {
    expect(reasonOf(encodeCommit(value as Commit))).toMatch(/^\/\S* \S.*$/);
  });

  it('that is not JSON is not read either', () => {
    const whole = encodeCommit(commit(EVENTS));
    expect(reasonOf(whole.subarray(0, whole.byteLength - 1))).toBe('not JSON');
  });
});

describe('a parser', () => {
  it('answers any bytes with a value or one line, and never throws', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (one) => {
        for (const parse of [decodeCommit, parseReady, parseRun, parseDone]) {
          const parsed = parse(one);
          expect(parsed.ok).toBe(false);
          if (!parsed.ok) expect(parsed.reason).toMatch(/^[^\n]+$/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
