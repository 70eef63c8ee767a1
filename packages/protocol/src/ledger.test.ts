import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobId, JobTemplate, StoredJob, TenantId, ToolName, WorkerId, BootId } from '@zerofleet/model';
import { decodeCommit, encodeCommit, LEDGER_FORMAT, type Commit, type LedgerEvent } from './ledger.js';
import { parseDone } from './dones.js';
import { parseReady } from './messages.js';
import { parseRun } from './runs.js';

const ID = '0192f3a0-0000-7000-8000-000000000001' as JobId;
const template: JobTemplate = {
  tenant: 'ada' as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
};
const job: StoredJob = {
  id: ID,
  template,
  payload: { kind: 'inline', bytes: 2, payload: { arguments: { a: ['é', null, 1.5] }, files: [] } },
  timeoutMs: 1,
  maxAttempts: 3,
  acceptedAtMs: 0,
  extras: null,
};
const blob = { kind: 'blob', blob: { sha256: 'a'.repeat(64), bytes: 9 } } as const;
const queued = { kind: 'queued', attemptsStarted: 1, attemptsSpent: 1, dueAtMs: 9 } as const;
const extras = {
  runAtMs: 5,
  deadlineAtMs: 6,
  idempotency: { key: 'k', hash: 'h' },
  retry: { on: ['timed_out'], baseMs: 1, capMs: 2 },
} as const;
/** What both formats can hold. */
const OLD_EVENTS: LedgerEvent[] = [
  { kind: 'elected', epoch: 3, leader: 'me', format: 2 },
  { kind: 'accepted', job },
  { kind: 'accepted', job: { ...job, payload: blob, template: { ...template, toolVersion: 2 } } },
  { kind: 'started', id: ID, attempt: 1, worker: 'w1' as WorkerId, boot: ID as string as BootId },
  { kind: 'requeued', id: ID, attempt: 1, reason: 'handed_back', dueAtMs: null },
  { kind: 'cancel_requested', id: ID },
  { kind: 'finished', id: ID, attempt: 1, outcome: { kind: 'timed_out', report: null } },
];
const EVENTS: LedgerEvent[] = [
  ...OLD_EVENTS,
  { kind: 'accepted', job: { ...job, extras } },
  { kind: 'carried', job: { ...job, extras }, state: queued },
  { kind: 'parked', page: 4, ids: [ID] },
  { kind: 'requeued', id: ID, attempt: 1, reason: 'retry', dueAtMs: 7 },
  { kind: 'finished', id: ID, attempt: 0, outcome: { kind: 'expired', report: null } },
];
const commit = (events: readonly unknown[], v: 1 | 2 = LEDGER_FORMAT): Commit =>
  ({ v, epoch: 3, batch: 1, atMs: 5, projected: 4, events }) as Commit;
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

  it('is read in the format before, too', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...OLD_EVENTS)), (events) => {
        const old = commit(events, 1);
        expect(decodeCommit(encodeCommit(old))).toEqual({ ok: true, value: old });
      }),
    );
  });

  it.each(EVENTS.slice(OLD_EVENTS.length))('of the format before cannot hold %j', (event) => {
    expect(() => encodeCommit(commit([event], 1))).toThrow(/format 1/);
  });

  it('names what its jobs have in common once', () => {
    const text = Buffer.from(encodeCommit(commit(Array.from({ length: 50 }, () => EVENTS[1])))).toString();
    expect(text.match(/"decision"/g)).toHaveLength(1);
  });

  it.each([
    ['an event that this release does not know', commit([...EVENTS, { kind: 'paused', id: ID }])],
    ['a later version', { ...commit(EVENTS), v: LEDGER_FORMAT + 1 }],
    ['an id that is none', commit([{ kind: 'cancel_requested', id: '../x' }])],
    ['an unknown outcome', commit([{ ...EVENTS[6], outcome: { kind: 'vanished', report: null } }])],
    ['an epoch that is none', { ...commit(EVENTS), epoch: -1 }],
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
