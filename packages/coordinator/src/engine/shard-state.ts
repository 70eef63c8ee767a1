/**
 * The state of a shard: the fold of its ledger. Pure; the same in production, replay and simulation.
 *
 * T1  `apply` is the only way in. The leader applies an event when it stages it, a replay when it reads it.
 * T2  A record's `shown` is its state as committed: nothing outside the engine sees `state`.
 * T3  Events of a job that is not in the state are those of a job whose acceptance was purged: it had finished and
 *     been projected, so they change nothing. Purging never removes the acceptance of a job that is live (fold law).
 */
import {
  QUEUED,
  transitionJob,
  type JobEnvelope,
  type JobEvent,
  type JobId,
  type JobState,
  type TenantId,
} from '@zerofleet/model';
import type { Commit, LedgerEvent } from '@zerofleet/protocol';

export interface JobRecord {
  readonly envelope: JobEnvelope;
  /** Ledger sequence of its acceptance: the ledger is kept from the oldest of these on. */
  readonly acceptedSeq: number;
  state: JobState;
  shown: JobState | null;
}

interface Counts {
  queued: number;
  running: number;
}

export class ShardState {
  epoch = 0;
  /** Inline payloads of the jobs in here: what they cost in memory, roughly. */
  payloadBytes = 0;
  /** In order of acceptance. A finished job stays until its outcome is projected. */
  readonly jobs = new Map<JobId, JobRecord>();
  private readonly counts = new Map<TenantId, Counts>();
  private readonly total: Counts = { queued: 0, running: 0 };

  get queued(): number {
    return this.total.queued;
  }

  get running(): number {
    return this.total.running;
  }

  countsOf(tenant: TenantId): Readonly<Counts> {
    return this.counts.get(tenant) ?? { queued: 0, running: 0 };
  }

  /** Applies one committed message of the ledger. */
  replay(commit: Commit, seq: number): void {
    this.epoch = commit.epoch;
    for (const event of commit.events) {
      const record = this.apply(event, seq, commit.atMs, commit.epoch);
      if (record !== undefined) record.shown = record.state;
    }
  }

  /** Applies one event (T1); returns the record of its job where it has one. Throws IllegalTransition. */
  apply(event: LedgerEvent, seq: number, atMs: number, epoch: number): JobRecord | undefined {
    switch (event.kind) {
      case 'elected':
        this.epoch = event.epoch;
        return undefined;
      case 'accepted':
        return this.accept(event.job, seq);
      case 'started': {
        const { attempt, worker, boot } = event;
        return this.step(event.id, { kind: 'started', assignment: { attempt, epoch, worker, boot }, atMs });
      }
      case 'finished':
        return this.step(event.id, {
          kind: 'finished',
          attempt: event.attempt,
          outcome: event.outcome,
          atMs,
        });
      case 'cancel_requested':
        return this.step(event.id, { kind: 'cancel_requested' });
      case 'requeued':
        return this.step(event.id, { kind: 'requeued', attempt: event.attempt, reason: event.reason });
    }
  }

  /** Forgets a finished job whose outcome is projected. */
  forget(id: JobId): void {
    const record = this.jobs.get(id);
    if (record === undefined) return;
    this.payloadBytes -= payloadBytesOf(record.envelope);
    this.jobs.delete(id);
  }

  /** The sequence from which on the ledger must be kept, `tail` when nothing is live. */
  oldestNeeded(tail: number): number {
    const [first] = this.jobs.values();
    return first?.acceptedSeq ?? tail;
  }

  private accept(envelope: JobEnvelope, seq: number): JobRecord {
    const record: JobRecord = { envelope, acceptedSeq: seq, state: QUEUED, shown: null };
    this.jobs.set(envelope.id, record);
    this.payloadBytes += payloadBytesOf(envelope);
    this.count(envelope.tenant, QUEUED, 1);
    return record;
  }

  private step(id: JobId, event: JobEvent): JobRecord | undefined {
    const record = this.jobs.get(id);
    if (record === undefined) return undefined;
    const before = record.state;
    record.state = transitionJob(before, event);
    this.count(record.envelope.tenant, before, -1);
    this.count(record.envelope.tenant, record.state, 1);
    return record;
  }

  private count(tenant: TenantId, state: JobState, by: 1 | -1): void {
    if (state.kind === 'finished') return;
    const counts = this.counts.get(tenant) ?? { queued: 0, running: 0 };
    counts[state.kind] += by;
    this.total[state.kind] += by;
    if (counts.queued === 0 && counts.running === 0) this.counts.delete(tenant);
    else this.counts.set(tenant, counts);
  }
}

const payloadBytesOf = ({ payload }: JobEnvelope): number => (payload.kind === 'inline' ? payload.bytes : 0);
