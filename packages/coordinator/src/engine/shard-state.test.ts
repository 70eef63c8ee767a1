/** The fold of random histories that a leader could have written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootId, JobEnvelope, JobId, TenantId, ToolName, WorkerId } from '@zerofleet/model';
import { decodeCommit, encodeCommit, type Commit, type LedgerEvent } from '@zerofleet/protocol';
import { ShardState } from './shard-state.js';

const id = (n: number): JobId => `0192f3a0-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId;
const envelope = (n: number): JobEnvelope => ({
  id: id(n),
  tenant: `t${n % 3}` as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  session: null,
  decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
  payload: { kind: 'inline', bytes: 10 + n, payload: { arguments: {}, files: [] } },
  timeoutMs: 1,
  maxAttempts: 3,
  acceptedAtMs: 0,
});
const WORKER = 'w1' as WorkerId;
const BOOT = '11111111-1111-4111-8111-111111111111' as BootId;

/** A choice of what happens next: to which job, and which of the things that may happen to it. */
interface Choice {
  readonly job: number;
  readonly what: number;
  readonly cut: boolean;
}

/** A leader that stages legal events as `choices` say; finished jobs are projected and forgotten at random. */
const writeHistory = (
  choices: readonly Choice[],
): { log: Commit[]; leader: ShardState; gone: Set<JobId> } => {
  const leader = new ShardState();
  const log: Commit[] = [];
  const gone = new Set<JobId>();
  let made = 0;
  let epoch = 1;
  let events: LedgerEvent[] = [{ kind: 'elected', epoch, leader: 'l1' }];
  const commit = (): void => {
    log.push({ v: 1, epoch, batch: log.length, atMs: log.length, events });
    events = [];
  };
  const stage = (event: LedgerEvent): void => {
    leader.apply(event, log.length + 1, log.length, epoch);
    events.push(event);
  };
  leader.epoch = 1;
  for (const { job, what, cut } of choices) {
    const live = [...leader.jobs.values()];
    const record = live[job % Math.max(1, live.length)];
    if (what === 9 && events.length === 0) {
      epoch += 1;
      stage({ kind: 'elected', epoch, leader: `l${epoch}` });
    } else if (record === undefined || what >= 7) {
      stage({ kind: 'accepted', job: envelope(made) });
      made += 1;
    } else if (record.state.kind === 'finished') {
      if (events.length === 0) {
        leader.forget(record.envelope.id);
        gone.add(record.envelope.id);
      }
    } else if (record.state.kind === 'queued') {
      const attempts = record.state.attemptsStarted;
      if (what === 0)
        stage({
          kind: 'finished',
          id: record.envelope.id,
          attempt: attempts,
          outcome: { kind: 'cancelled', report: null },
        });
      else
        stage({ kind: 'started', id: record.envelope.id, attempt: attempts + 1, worker: WORKER, boot: BOOT });
    } else {
      const { attempt } = record.state.assignment;
      const one = { id: record.envelope.id, attempt };
      if (what < 2) stage({ kind: 'requeued', ...one, reason: what === 0 ? 'worker_lost' : 'handed_back' });
      else if (what < 4) stage({ kind: 'cancel_requested', id: one.id });
      else stage({ kind: 'finished', ...one, outcome: { kind: 'timed_out', report: null } });
    }
    if (cut && events.length > 0) commit();
  }
  if (events.length > 0) commit();
  return { log, leader, gone };
};

const fold = (log: readonly Commit[], fromSeq: number): ShardState => {
  const state = new ShardState();
  for (const [index, commit] of log.entries()) if (index + 1 >= fromSeq) state.replay(commit, index + 1);
  return state;
};

/** All that a fold says, less the jobs that are `gone`. */
const picture = (state: ShardState, gone: ReadonlySet<JobId>): object => ({
  epoch: state.epoch,
  queued: state.queued,
  running: state.running,
  counts: ['t0', 't1', 't2'].map((tenant) => state.countsOf(tenant as TenantId)),
  payloadBytes: [...state.jobs.values()].reduce(
    (sum, { envelope: one }) =>
      sum - (gone.has(one.id) && one.payload.kind === 'inline' ? one.payload.bytes : 0),
    state.payloadBytes,
  ),
  jobs: [...state.jobs.values()]
    .filter((record) => !gone.has(record.envelope.id))
    .map(({ envelope: one, state: at, acceptedSeq }) => ({ id: one.id, at, acceptedSeq })),
});

const history = fc
  .array(fc.record({ job: fc.nat(20), what: fc.nat(9), cut: fc.boolean() }), { maxLength: 80 })
  .map(writeHistory);

describe('the fold', () => {
  it('is what the leader has that wrote the history', () => {
    fc.assert(
      fc.property(history, ({ log, leader, gone }) => {
        expect(picture(fold(log, 1), gone)).toEqual(picture(leader, gone));
      }),
    );
  });

  it('of a purged ledger is that of the whole ledger, for every job that is still needed', () => {
    fc.assert(
      fc.property(history, ({ log, leader, gone }) => {
        const from = leader.oldestNeeded(log.length);
        expect(picture(fold(log, from), gone)).toEqual(picture(fold(log, 1), gone));
      }),
      { numRuns: 300 },
    );
  });

  it('is the same after the ledger was written and read', () => {
    fc.assert(
      fc.property(history, ({ log, gone }) => {
        const read = log.map((commit) => {
          const parsed = decodeCommit(encodeCommit(commit));
          if (!parsed.ok) throw new Error(parsed.reason);
          return parsed.value;
        });
        expect(picture(fold(read, 1), gone)).toEqual(picture(fold(log, 1), gone));
      }),
    );
  });

  it('shows of a job what is committed, and nothing that is only staged', () => {
    const { log } = writeHistory([{ job: 0, what: 8, cut: true }]);
    const state = fold(log, 1);
    const record = state.jobs.get(id(0));
    state.apply({ kind: 'started', id: id(0), attempt: 1, worker: WORKER, boot: BOOT }, 2, 5, 1);
    expect(record).toMatchObject({ state: { kind: 'running' }, shown: { kind: 'queued' } });
  });

  it('keeps the ledger from the oldest job that is not forgotten, or its last message', () => {
    const accept = { job: 0, what: 8, cut: true };
    const { leader, log } = writeHistory([accept, accept]);
    expect(leader.oldestNeeded(log.length)).toBe(1);
    leader.forget(id(0));
    expect(leader.oldestNeeded(log.length)).toBe(2);
    leader.forget(id(1));
    leader.forget(id(1));
    expect(leader.oldestNeeded(log.length)).toBe(log.length);
    expect(leader.payloadBytes).toBe(0);
  });
});
