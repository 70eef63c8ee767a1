/**
 * The auditor of a history: reads only what tenants were told, what the ledger stored, what ran where and what was projected.
 * It keeps its own, simple picture of every job, and never asks the engine.
 */
import type { Attempt, BootId, JobId, JobState, Outcome, StoredJob, WorkerId } from '@zerofleet/model';
import {
  decodeCommit,
  type Commit,
  type JobSnapshot,
  type LedgerEvent,
  type OutcomeBatch,
} from '@zerofleet/protocol';
import type { Execution, MemoryOutcomeStore, ProcessClock } from '@zerofleet/testkit';
import { QUEUED_MAX } from './replica-node.js';

/** A job as the auditor sees it. */
interface Seen {
  readonly job: StoredJob;
  kind: JobState['kind'];
  started: number;
  /** Attempts that count against `maxAttempts`. */
  spent: number;
  dueAtMs: number;
  worker: WorkerId | undefined;
  boot: BootId | undefined;
  end: { readonly attempt: number; readonly outcome: Outcome; readonly seq: number } | undefined;
}

/** Whether an attempt may really be lost, as whoever made the world knows. */
export type MayBeLost = (worker: WorkerId, boot: BootId, id: JobId, attempt: Attempt) => boolean;

/** Attempts that fit on one worker at once. */
export const SLOTS = 4;

export class Auditor {
  /** What is wrong, in the order in which it was seen. */
  readonly failures: string[] = [];
  /** Every commit ever stored, from sequence 1 on. */
  readonly commits: Commit[] = [];
  readonly jobs = new Map<JobId, Seen>();
  epochs = 0;
  /** What happened, by kind. */
  readonly counts = new Map<string, number>();
  private readonly outcomes: MemoryOutcomeStore;
  private readonly keys = new Map<string, JobId>();
  private readonly executed = new Set<string>();
  private readonly handedBack = new Set<string>();
  private readonly running = new Map<WorkerId, number>();
  /** Jobs that ended and are not known as projected, by the sequence of their end. */
  private ends: { readonly seq: number; readonly id: JobId }[] = [];
  private queued = 0;
  private epoch = 0;
  private batch = 0;
  private readonly mayBeLost: MayBeLost;

  constructor(outcomes: MemoryOutcomeStore, mayBeLost: MayBeLost) {
    this.outcomes = outcomes;
    this.mayBeLost = mayBeLost;
  }

  fail(what: string): void {
    if (this.failures.length < 100) this.failures.push(what);
  }

  // The ledger

  onStored(seq: number, bytes: Uint8Array, by: ProcessClock | undefined): void {
    const commit = decodeCommit(bytes);
    if (!commit.ok) return this.fail(`message ${seq} cannot be read: ${commit.reason}`);
    this.commits.push(commit.value);
    this.checkWriter(commit.value, seq);
    for (const event of commit.value.events) {
      this.take(event, seq, by?.highestWallMs() ?? Infinity);
    }
    this.checkProjected(commit.value);
  }

  /** I2: epochs only grow, each begins with `elected`, and its batches are 1, 2, 3 … */
  private checkWriter({ epoch, batch, events }: Commit, seq: number): void {
    const elected = events.some(({ kind }) => kind === 'elected');
    if (elected ? epoch <= this.epoch || batch !== 0 : epoch !== this.epoch || batch !== this.batch + 1)
      this.fail(`I2: message ${seq} is ${epoch}/${batch} after ${this.epoch}/${this.batch}`);
    if (elected) this.epochs += 1;
    this.epoch = epoch;
    this.batch = batch;
  }

  /** I8: what the ledger says is projected, is. */
  private checkProjected({ projected }: Commit): void {
    while (this.ends[0] !== undefined && this.ends[0].seq <= projected) {
      const { id } = this.ends[0];
      if (!this.outcomes.records.has(id)) this.fail(`I1: ${id} is said to be projected, and is not`);
      this.ends.shift();
    }
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private take(event: LedgerEvent, seq: number, wallHighMs: number): void {
    this.count(event.kind);
    if (event.kind === 'elected' || event.kind === 'parked') return;
    if (event.kind === 'accepted') return this.accept(event.job);
    if (event.kind === 'carried') {
      if (!this.jobs.has(event.job.id)) this.fail(`I1: ${event.job.id} is carried and was never accepted`);
      return;
    }
    const seen = this.jobs.get(event.id);
    if (seen === undefined) return this.fail(`I1: ${event.kind} of ${event.id}, which was never accepted`);
    if (seen.kind === 'finished') return this.fail(`I1: ${event.kind} of ${event.id} after its end`);
    switch (event.kind) {
      case 'started':
        return this.start(seen, event, wallHighMs);
      case 'requeued':
        return this.requeue(seen, event);
      case 'finished':
        return this.finish(seen, event, seq);
      case 'cancel_requested':
        return;
    }
  }

  private accept(job: StoredJob): void {
    if (this.jobs.has(job.id)) return this.fail(`I1: ${job.id} was accepted twice`);
    // I6: a job is taken only while there is room in the queue; those that wait again had theirs.
    if (this.queued >= QUEUED_MAX) this.fail(`I6: ${job.id} was accepted, and ${this.queued} were queued`);
    this.queued += 1;
    const dueAtMs = job.extras?.runAtMs ?? -Infinity;
    const nowhere = { worker: undefined, boot: undefined, end: undefined };
    this.jobs.set(job.id, { job, kind: 'queued', started: 0, spent: 0, dueAtMs, ...nowhere });
    const key = job.extras?.idempotency?.key;
    if (key === undefined) return;
    const name = `${job.template.tenant} ${key}`;
    const first = this.keys.get(name);
    if (first !== undefined) this.fail(`I8: ${first} and ${job.id} have one key`);
    this.keys.set(name, job.id);
  }

  private start(seen: Seen, event: Extract<LedgerEvent, { kind: 'started' }>, wallHighMs: number): void {
    const { id, attempt, worker, boot } = event;
    if (seen.kind !== 'queued' || attempt !== seen.started + 1)
      this.fail(`I4: attempt ${attempt} of ${id} starts while it is ${seen.kind} after ${seen.started}`);
    if (seen.dueAtMs > wallHighMs) this.fail(`${id} starts ${seen.dueAtMs - wallHighMs} ms too early`);
    this.leave(seen);
    seen.kind = 'running';
    seen.started = attempt;
    seen.spent += 1;
    seen.worker = worker;
    seen.boot = boot;
    if (seen.spent > seen.job.maxAttempts)
      this.fail(`I4: ${id} starts ${seen.spent} times of ${seen.job.maxAttempts}`);
    const load = (this.running.get(worker) ?? 0) + 1;
    this.running.set(worker, load);
    if (load > SLOTS) this.fail(`I6: ${worker} has ${load} attempts, and room for ${SLOTS}`);
  }

  private requeue(seen: Seen, event: Extract<LedgerEvent, { kind: 'requeued' }>): void {
    const { id, attempt, reason, dueAtMs } = event;
    if (seen.kind !== 'running' || attempt !== seen.started)
      this.fail(`I4: ${id} is requeued while ${seen.kind}`);
    this.count(`requeued: ${reason}`);
    if (reason === 'worker_lost') this.checkLost(seen);
    if (reason === 'retry' && seen.job.extras?.retry === undefined) this.fail(`I4: ${id} asked for no retry`);
    if (reason === 'handed_back') {
      seen.spent -= 1;
      const key = `${id}/${attempt}`;
      if (this.executed.has(key)) this.fail(`I4: ${key} ran, and was handed back`);
      this.handedBack.add(key);
    }
    this.leave(seen);
    seen.kind = 'queued';
    seen.dueAtMs = dueAtMs ?? -Infinity;
    this.queued += 1;
  }

  /** I4: a worker is lost only when it is. */
  private checkLost({ job, worker, boot, started }: Seen): void {
    if (worker === undefined || boot === undefined || this.mayBeLost(worker, boot, job.id, started)) return;
    this.fail(`I4: attempt ${started} of ${job.id} is called lost, and ${worker} has it`);
  }

  private finish(seen: Seen, event: Extract<LedgerEvent, { kind: 'finished' }>, seq: number): void {
    const { id, attempt, outcome } = event;
    if (attempt !== seen.started)
      this.fail(`I4: attempt ${attempt} of ${id} ends it, ${seen.started} is the last`);
    if (outcome.kind === 'expired' && (seen.spent > 0 || seen.job.extras?.deadlineAtMs === undefined))
      this.fail(`${id} expired after ${seen.spent} attempts`);
    this.count(`finished: ${outcome.kind === 'failed' ? outcome.failure.code : outcome.kind}`);
    if (outcome.kind === 'failed' && outcome.failure.code === 'worker_lost') this.checkLost(seen);
    this.leave(seen);
    seen.kind = 'finished';
    seen.end = { attempt, outcome, seq };
    this.ends.push({ seq, id });
  }

  private leave(seen: Seen): void {
    if (seen.kind === 'queued') this.queued -= 1;
    if (seen.kind !== 'running' || seen.worker === undefined) return;
    this.running.set(seen.worker, (this.running.get(seen.worker) ?? 0) - 1);
    seen.worker = undefined;
  }

  // Workers, stream, tenants

  /** I4: an attempt runs once at most, after its `started`, and not where it was handed back. */
  onExecution({ id, attempt }: Execution): void {
    const key = `${id}/${attempt}`;
    if (this.executed.has(key)) this.fail(`I4: ${key} ran twice`);
    if (this.handedBack.has(key)) this.fail(`I4: ${key} was handed back, and ran`);
    if ((this.jobs.get(id)?.started ?? 0) < attempt) this.fail(`I4: ${key} ran before it was on record`);
    this.executed.add(key);
  }

  /** I1: only what is on record is projected; a dead letter stands before the outcome that makes it one. */
  onProject({ ledgerSeq, outcomes }: OutcomeBatch): void {
    for (const { job, attempt, outcome } of outcomes) {
      const { id, extras } = job;
      const end = this.jobs.get(id)?.end;
      if (end?.seq !== ledgerSeq || end.attempt !== attempt || !isSame(end.outcome, outcome))
        this.fail(`I1: ${id} is projected otherwise than it ended`);
      if (isDead(outcome, extras?.retry?.on ?? []) && !this.outcomes.letters.has(id))
        this.fail(`I1: ${id} died, and its letter is not there`);
    }
  }

  /** I3: nobody hears of anything that is not on record. */
  onTold({ envelope: { id }, state }: JobSnapshot, how: string): void {
    this.count(`told: ${how}`);
    const seen = this.jobs.get(id);
    if (seen === undefined)
      return this.fail(`I3: a tenant was told of ${id} (${how}), which is not on record`);
    if (state.kind !== 'finished') return;
    if (seen.end === undefined)
      this.fail(`I3: a tenant was told of the end of ${id} (${how}), which is not on record`);
    else if (seen.end.attempt !== state.attempt || !isSame(seen.end.outcome, state.outcome))
      this.fail(`I1: a tenant was told of another end of ${id} (${how}) than is on record`);
  }

  /** I1: at the end every accepted job has its outcome, in the ledger and in the stream. */
  close(): void {
    for (const [id, { kind }] of this.jobs) {
      if (kind !== 'finished') this.fail(`I1: ${id} never ended, it is ${kind}`);
      else if (!this.outcomes.records.has(id)) this.fail(`I1: the outcome of ${id} is not in the stream`);
    }
  }

  /** Jobs on record that have not ended. */
  get liveJobs(): number {
    let live = 0;
    for (const { kind } of this.jobs.values()) if (kind !== 'finished') live += 1;
    return live;
  }

  /** Whether every job on record has its outcome in the stream. */
  get isDone(): boolean {
    return this.outcomes.records.size >= this.jobs.size;
  }
}

const isSame = (a: Outcome, b: Outcome): boolean => JSON.stringify(a) === JSON.stringify(b);

const isDead = (outcome: Outcome, on: readonly string[]): boolean => {
  if (outcome.kind === 'timed_out') return on.includes('timed_out');
  if (outcome.kind !== 'failed') return false;
  const { code } = outcome.failure;
  return code === 'worker_lost' || (code !== 'protocol' && on.includes(code));
};
