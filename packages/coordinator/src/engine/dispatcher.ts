/**
 * Tells workers what the ledger says of them: runs what was started there, stops what was cancelled or is not theirs.
 *
 * D1  A run goes only to the worker and boot that the committed `started` names, and is repeated to that one only.
 * D2  Nothing here decides: what a reply means for a job is the engine's business, by callback.
 */
import {
  RUN_BATCH_MAX,
  RUN_BYTES_MAX,
  type Attempt,
  type Epoch,
  type JobId,
  type WorkerId,
} from '@zerofleet/model';
import { MESSAGES_VERSION, type RunJob, type RunReply } from '@zerofleet/protocol';
import type { Assigned, WorkerEntry } from './fleet.js';
import type { WorkerPort } from './ports.js';

export interface DispatchEvents {
  /** The worker holds it, or held it and ended it. */
  readonly taken: (entry: WorkerEntry, assigned: Assigned) => void;
  /** Nothing of it ran, and it is not there. */
  readonly refused: (entry: WorkerEntry, assigned: Assigned) => void;
  /** The worker has another boot than this one. */
  readonly wrongBoot: (entry: WorkerEntry) => void;
}

interface Outgoing {
  readonly assigned: Assigned;
  readonly job: RunJob;
  /** Of its inline payload. */
  readonly bytes: number;
}

export class Dispatcher {
  private readonly workers: WorkerPort;
  private readonly epoch: Epoch;
  private readonly events: DispatchEvents;
  private readonly outbox = new Map<WorkerEntry, Outgoing[]>();
  private flushScheduled = false;

  constructor(workers: WorkerPort, epoch: Epoch, events: DispatchEvents) {
    this.workers = workers;
    this.epoch = epoch;
    this.events = events;
  }

  /** Sends `job`, of so many payload bytes, to the worker of `entry`, together with what else this turn sends there. */
  run(entry: WorkerEntry, assigned: Assigned, job: RunJob, bytes: number): void {
    if (assigned.phase !== 'staged') return;
    assigned.phase = 'sending';
    const jobs = this.outbox.get(entry) ?? [];
    jobs.push({ assigned, job, bytes });
    this.outbox.set(entry, jobs);
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    queueMicrotask(() => this.flush());
  }

  /** Ends an attempt at a worker; a lost message is made up for by the worker's next Ready. */
  stop(worker: WorkerId, id: JobId, attempt: Attempt, why: 'cancel' | 'forget'): void {
    const message = { v: MESSAGES_VERSION, epoch: this.epoch, id, attempt, why } as const;
    this.workers.stop(worker, message).catch(() => undefined);
  }

  private flush(): void {
    this.flushScheduled = false;
    for (const [entry, outgoing] of this.outbox)
      for (const batch of batchesOf(outgoing)) void this.send(entry, batch);
    this.outbox.clear();
  }

  private async send(entry: WorkerEntry, outgoing: readonly Outgoing[]): Promise<void> {
    const jobs = outgoing.map((one) => one.job);
    const message = { epoch: this.epoch, boot: entry.boot, jobs };
    const reply = await this.workers.run(entry.worker, message, entry.form).catch(() => undefined);
    for (const { assigned } of outgoing) if (assigned.phase === 'sending') assigned.phase = 'staged';
    if (reply !== undefined) this.heed(entry, outgoing, reply);
  }

  private heed(entry: WorkerEntry, outgoing: readonly Outgoing[], reply: RunReply): void {
    if (reply.kind === 'wrong_boot') this.events.wrongBoot(entry);
    if (reply.kind !== 'taken') return;
    const refused = new Set(reply.refused.map((one) => `${one.id}/${one.attempt}`));
    for (const { assigned } of outgoing) {
      if (refused.has(`${assigned.id}/${assigned.attempt}`)) this.events.refused(entry, assigned);
      else this.events.taken(entry, assigned);
    }
  }
}

/** What fits into one message, in order. */
const batchesOf = (outgoing: readonly Outgoing[]): Outgoing[][] => {
  const batches: Outgoing[][] = [];
  let batch: Outgoing[] = [];
  let bytes = 0;
  for (const one of outgoing) {
    if (batch.length === RUN_BATCH_MAX || (batch.length > 0 && bytes + one.bytes > RUN_BYTES_MAX)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(one);
    bytes += one.bytes;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
};
