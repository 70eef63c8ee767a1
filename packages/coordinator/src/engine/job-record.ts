/**
 * A live job in memory. There may be a million of them, so a record holds only what is its own: what jobs have in common
 * is one object for all, rare fields are in `extras`, and the payload may stand on disk alone.
 */
import {
  headOf,
  type JobExtras,
  type JobId,
  type JobState,
  type JobTemplate,
  type PayloadRef,
  type StoredJob,
} from '@zerofleet/model';
import { QueuedJob, type Need } from '@zerofleet/scheduler';
import type { JobSnapshot } from './ports.js';

/** Bytes of a job in the ledger beside its inline payload, roughly. */
const STORED_HEAD_BYTES = 200;

export class JobRecord extends QueuedJob {
  readonly id: JobId;
  readonly template: JobTemplate;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly acceptedAtMs: number;
  readonly extras: JobExtras | null;
  /** Null while it stands only in the message at `home`. */
  payload: PayloadRef | null;
  /** Bytes of the inline payload. */
  readonly payloadBytes: number;
  /** The message that holds the job whole: a sequence of the ledger, or minus a page of the timer stream. */
  home: number;
  state: JobState;
  /** Its state as committed: nothing outside the engine sees `state`. */
  shown: JobState | null = null;
  /** What it needs of a worker; the queue's business. */
  need: Need;

  constructor(job: StoredJob, template: JobTemplate, home: number, state: JobState, need: Need) {
    super();
    this.id = job.id;
    this.template = template;
    this.timeoutMs = job.timeoutMs;
    this.maxAttempts = job.maxAttempts;
    this.acceptedAtMs = job.acceptedAtMs;
    this.extras = job.extras;
    this.payload = job.payload;
    this.payloadBytes = job.payload.kind === 'inline' ? job.payload.bytes : 0;
    this.home = home;
    this.state = state;
    this.need = need;
  }

  /** Bytes of its copy in the ledger, roughly. */
  get storedBytes(): number {
    return STORED_HEAD_BYTES + this.payloadBytes;
  }
}

/** The job whole, with a payload that was fetched where the record has none. */
export const storedOf = (record: JobRecord, payload: PayloadRef): StoredJob => {
  const { id, template, timeoutMs, maxAttempts, acceptedAtMs, extras } = record;
  return { id, template, timeoutMs, maxAttempts, acceptedAtMs, extras, payload };
};

/** The job as committed. Throws for one whose acceptance is not: a bug of the caller. */
export const shownOf = (record: JobRecord): JobSnapshot => {
  if (record.shown === null) throw new Error(`${record.id} is not committed`);
  return { envelope: headOf(record), state: record.shown };
};

/** The job as committed; undefined while its acceptance is not. */
export const snapshotOf = (record: JobRecord): JobSnapshot | undefined =>
  record.shown === null ? undefined : { envelope: headOf(record), state: record.shown };
