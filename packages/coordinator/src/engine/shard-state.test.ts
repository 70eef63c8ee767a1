/** The fold of random histories that a leader could have written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootId, JobId, JobTemplate, StoredJob, TenantId, ToolName, WorkerId } from '@zerofleet/model';
import {
  decodeCommit,
  encodeCommit,
  type Commit,
  type LedgerEvent,
  type ParkedJob,
} from '@zerofleet/protocol';
import { storedOf, type JobRecord } from './job-record.js';
import { ShardState, type FoldListener } from './shard-state.js';

const id = (n: number): JobId => `0192f3a0-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId;
const template = (n: number): JobTemplate => ({
  tenant: `t${n % 3}` as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
});
const job = (n: number): StoredJob => ({
  id: id(n),
  template: template(n),
  payload: { kind: 'inline', bytes: 10 + n, payload: { arguments: {}, files: [] } },
  timeoutMs: 1,
  maxAttempts: 3,
  acceptedAtMs: 0,
  extras: n % 4 === 0 ? { runAtMs: 1_000 + n, idempotency: { key: `k${n}`, hash: 'h' } } : null,
});
const NEED = { room: { cpuMilli: 1, memoryMiB: 1 }, poolKey: 'p', mode: 'warm', outcomeBytesMax: 0 } as const;
const listener: FoldListener = { needOf: () => NEED, changed: () => undefined };
const WORKER = 'w1' as WorkerId;
const BOOT = '11111111-1111-4111-8111-111111111111' as BootId;

/** A choice of what happens next: to which job, and which of the things that may happen to it. */
interface Choice {
  readonly job: number;
  readonly what: number;
  readonly cut: boolean;
}

/** A leader that stages legal events as choices say; every commit is acknowledged at once, moves are applied by then. */
class Author {
  readonly leader = new ShardState(listener);
  readonly log: Commit[] = [];
  readonly pages = new Map<number, readonly ParkedJob[]>();
  readonly gone = new Set<JobId>();
  private made = 0;
  private epoch = 1;
  private events: LedgerEvent[] = [];
  private moves: (() => void)[] = [];

  constructor(choices: readonly Choice[]) {
    this.stage({ kind: 'elected', epoch: 1, leader: 'l1', format: 2 });
    for (const choice of choices) {
      this.step(choice);
      if (choice.cut) this.commit();
    }
    this.commit();
  }

  private get seq(): number {
    return this.log.length + 1;
  }

  private commit(): void {
    if (this.events.length === 0) return;
    const { epoch, seq, events, moves } = this;
    this.log.push({ v: 2, epoch, batch: seq, atMs: seq, projected: this.leader.projected, events });
    this.events = [];
    this.moves = [];
    for (const move of moves) move();
  }

  private stage(event: LedgerEvent): void {
    this.leader.apply(event, this.seq, this.seq, this.epoch);
    this.events.push(event);
  }

  private move(event: LedgerEvent): void {
    const { seq } = this;
    this.leader.need(seq);
    this.events.push(event);
    this.moves.push(() => {
      this.leader.apply(event, seq, seq, this.epoch);
      this.leader.unneed(seq);
    });
  }

  private step({ job: which, what }: Choice): void {
    const live = [...this.leader.jobs.values()].filter((one) => one.state.kind !== 'finished');
    const record = live[which % Math.max(1, live.length)];
    if (what === 9 && this.events.length === 0) {
      this.epoch += 1;
      this.stage({ kind: 'elected', epoch: this.epoch, leader: `l${this.epoch}`, format: 2 });
    } else if (what === 10 && this.events.length === 0) this.project();
    else if (record === undefined || what === 7 || what === 8) {
      this.stage({ kind: 'accepted', job: job(this.made) });
      this.made += 1;
    } else if (what >= 11) this.relocate(record, what);
    else this.change(record, what);
  }

  /** All outcomes so far are projected; their jobs are forgotten. */
  private project(): void {
    for (const ids of this.leader.ended.values()) for (const one of ids) this.gone.add(one);
    this.leader.forgetThrough(this.log.length);
  }

  private relocate(record: JobRecord, what: number): void {
    const { payload } = record;
    if (payload === null || this.moves.length > 0) return;
    const whole = storedOf(record, payload);
    if (record.state.kind !== 'queued' || what === 11) {
      this.move({ kind: 'carried', job: whole, state: record.state });
      return;
    }
    const page = this.pages.size + 1;
    this.pages.set(page, [{ job: whole, state: record.state }]);
    this.move({ kind: 'parked', page, ids: [record.id] });
  }

  private change(record: JobRecord, what: number): void {
    const { state } = record;
    if (state.kind === 'queued') {
      const attempt = state.attemptsStarted;
      if (what === 0)
        this.stage({
          kind: 'finished',
          id: record.id,
          attempt,
          outcome: { kind: 'cancelled', report: null },
        });
      else this.stage({ kind: 'started', id: record.id, attempt: attempt + 1, worker: WORKER, boot: BOOT });
    } else if (state.kind === 'running') {
      const one = { id: record.id, attempt: state.assignment.attempt };
      if (what < 2)
        this.stage({
          kind: 'requeued',
          ...one,
          reason: what === 0 ? 'worker_lost' : 'retry',
          dueAtMs: what === 0 ? null : 77,
        });
      else if (what < 4) this.stage({ kind: 'cancel_requested', id: one.id });
      else this.stage({ kind: 'finished', ...one, outcome: { kind: 'timed_out', report: null } });
    }
  }
}

const fold = ({ log, pages }: Author, fromSeq: number, read = log): ShardState => {
  const state = new ShardState(listener);
  for (const [index, commit] of read.entries())
    if (index + 1 >= fromSeq) state.replay(commit, index + 1, pages);
  return state;
};

/** All that a fold says, less the jobs that are `gone`. */
const picture = (state: ShardState, gone: ReadonlySet<JobId>): object => ({
  epoch: state.epoch,
  queued: state.queued,
  running: state.running,
  counts: ['t0', 't1', 't2'].map((tenant) => state.countsOf(tenant as TenantId)),
  jobs: [...state.jobs.values()]
    .filter((record) => !gone.has(record.id))
    .map((record) => ({
      id: record.id,
      state: record.state,
      home: record.home,
      key: state.withKey(record.template.tenant, record.extras?.idempotency?.key ?? '')?.id,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1)),
});

const history = fc
  .array(fc.record({ job: fc.nat(20), what: fc.nat(13), cut: fc.boolean() }), { maxLength: 80 })
  .map((choices) => new Author(choices));

describe('the fold', () => {
  it('is what the leader has that wrote the history', () => {
    fc.assert(
      fc.property(history, (author) => {
        expect(picture(fold(author, 1), author.gone)).toEqual(picture(author.leader, author.gone));
      }),
      { numRuns: 300 },
    );
  });

  it('of a purged ledger is that of the whole ledger, for every job that is still needed', () => {
    fc.assert(
      fc.property(history, (author) => {
        const { leader, log, gone } = author;
        const from = Math.min(leader.oldestNeeded(log.length), log.length);
        expect(picture(fold(author, from), gone)).toEqual(picture(fold(author, 1), gone));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same after the ledger was written and read', () => {
    fc.assert(
      fc.property(history, (author) => {
        const read = author.log.map((commit) => {
          const parsed = decodeCommit(encodeCommit(commit));
          if (!parsed.ok) throw new Error(parsed.reason);
          return parsed.value;
        });
        const { gone } = author;
        expect(picture(fold(author, 1, read), gone)).toEqual(picture(fold(author, 1), gone));
      }),
    );
  });

  it('shows of a job what is committed, and nothing that is only staged', () => {
    const state = fold(new Author([{ job: 0, what: 8, cut: true }]), 1);
    const record = state.jobs.get(id(0));
    state.apply({ kind: 'started', id: id(0), attempt: 1, worker: WORKER, boot: BOOT }, 2, 5, 1);
    expect(record).toMatchObject({ state: { kind: 'running' }, shown: { kind: 'queued' } });
  });

  it('keeps the ledger from the oldest job that is not forgotten, and holds no bytes of forgotten ones', () => {
    const accept = { job: 0, what: 8, cut: true };
    const cancel = { job: 0, what: 0, cut: true };
    const project = { job: 0, what: 10, cut: true };
    const { leader, log } = new Author([accept, accept, cancel]);
    expect(leader.oldestNeeded(log.length)).toBe(1);
    const later = new Author([accept, accept, cancel, project]);
    expect(later.leader.oldestNeeded(later.log.length)).toBe(2);
    const last = new Author([accept, accept, cancel, cancel, project]);
    expect(last.leader.oldestNeeded(last.log.length)).toBe(last.log.length);
    expect(last.leader).toMatchObject({ payloadBytes: 0, liveBytes: 0, queued: 0 });
  });

  it('takes a leader whose elected was purged for one that reads no more than it writes', () => {
    const state = new ShardState(listener);
    const replay = (commit: Pick<Commit, 'v' | 'epoch' | 'events'>): number => {
      state.replay({ ...commit, batch: 1, atMs: 5, projected: 0 }, 1, new Map());
      return state.leaderFormat;
    };
    expect(replay({ v: 1, epoch: 4, events: [] })).toBe(1);
    expect(replay({ v: 1, epoch: 5, events: [{ kind: 'elected', epoch: 5, leader: 'l', format: 2 }] })).toBe(
      2,
    );
    expect(replay({ v: 1, epoch: 5, events: [] })).toBe(2);
    expect(replay({ v: 1, epoch: 6, events: [] })).toBe(1);
    expect(replay({ v: 2, epoch: 6, events: [] })).toBe(2);
  });
});
