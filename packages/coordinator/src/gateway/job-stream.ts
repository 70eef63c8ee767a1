/**
 * A job's events for one reader: its states, and its output as it is written.
 *
 * V1  All output of an attempt comes before the state that ends it, byte for byte: what the live tail did not bring
 *     is taken from the outcome.
 * V2  A new attempt is announced before its output; its offsets start again at 0.
 * V3  The stream ends after the first final state.
 * V4  A job never goes back: what a replica that reads the ledger anew tells again is passed over.
 */
import type { Attempt, OutputChunk } from '@zerofleet/model';
import { chunksFrom, chunkEnd, FINAL_STAGES, type JobStreamEvent } from '@zerofleet/protocol';
import type { JobSnapshot } from '../engine/ports.js';
import { attemptOf, reportOf, stageOf, viewOf } from './views.js';

/** The live output of one attempt. */
export interface Tail {
  readonly attempt: Attempt;
  readonly next: number;
  read(): Promise<readonly OutputChunk[]>;
  close(): void;
}

export interface JobStreamOptions {
  /** The job as it stands, after `listen` was called. */
  readonly first: JobSnapshot;
  /** Opens the live output of a running attempt from an offset on. */
  readonly openTail: (job: JobSnapshot, from: number, wake: () => void) => Tail | undefined;
  readonly loadOutput: (job: JobSnapshot) => Promise<readonly OutputChunk[]>;
  /** Where a resumed stream goes on; attempt 0 for a new one. */
  readonly resume: { readonly attempt: Attempt; readonly offset: number };
  readonly signal: AbortSignal;
  /** A tail that says nothing is looked at so often, in ms: a lost message is made up for. */
  readonly pollMs: number;
}

/** Changes of the job, queued for the stream; `push` wakes it. */
export class JobStream {
  private readonly options: JobStreamOptions;
  private readonly changes: JobSnapshot[];
  /** How far the newest change is (V4). */
  private progress: number;
  private wakeUp: (() => void) | undefined;
  /** Whether something happened since the last look: a wake that comes during a look must not be lost. */
  private stirred = false;
  private tail: Tail | undefined;
  /** How far each attempt's output has been handed out. */
  private sent: { attempt: Attempt; offset: number };

  constructor(options: JobStreamOptions) {
    this.options = options;
    this.changes = [options.first];
    this.progress = progressOf(options.first);
    this.sent = options.resume;
    options.signal.addEventListener('abort', () => this.wake(), { once: true });
  }

  /** A committed change of the job. */
  push(job: JobSnapshot): void {
    const progress = progressOf(job);
    if (progress <= this.progress) return;
    this.progress = progress;
    this.changes.push(job);
    this.wake();
  }

  /** The events, until the job ends or the signal is aborted. Throws when a finished job's output cannot be read. */
  async *events(): AsyncGenerator<JobStreamEvent, void, undefined> {
    try {
      while (!this.options.signal.aborted) {
        this.stirred = false;
        const job = this.changes.shift();
        if (job === undefined) {
          yield* this.drain();
          await this.sleep();
        } else if (FINAL_STAGES.has(stageOf(job))) {
          yield* this.finish(job);
          return;
        } else {
          yield* this.change(job);
        }
      }
    } finally {
      this.tail?.close();
    }
  }

  private *change(job: JobSnapshot): Generator<JobStreamEvent, void, undefined> {
    yield { type: 'state', job: viewOf(job, null) };
    if (job.state.kind !== 'running') return;
    const { attempt } = job.state.assignment;
    if (this.tail?.attempt === attempt) return;
    this.tail?.close();
    yield* this.enter(attempt);
    this.tail = this.options.openTail(job, this.sent.offset, () => this.wake());
  }

  private *enter(attempt: Attempt): Generator<JobStreamEvent, void, undefined> {
    if (this.sent.attempt === attempt) return;
    this.sent = { attempt, offset: 0 };
    yield { type: 'attempt', attempt };
  }

  private async *drain(): AsyncGenerator<JobStreamEvent, void, undefined> {
    const { tail } = this;
    if (tail !== undefined) yield* this.outputs(tail.attempt, await tail.read());
  }

  private async *finish(job: JobSnapshot): AsyncGenerator<JobStreamEvent, void, undefined> {
    const report = reportOf(job);
    const attempt = attemptOf(job);
    if (report !== null) {
      const chunks = await this.options.loadOutput(job);
      yield* this.enter(attempt);
      yield* this.outputs(attempt, chunksFrom(chunks, this.sent.offset));
      if (report.output.truncated) yield { type: 'truncated', attempt, bytes: report.output.bytes };
    }
    yield { type: 'state', job: viewOf(job, null) };
  }

  private *outputs(
    attempt: Attempt,
    chunks: readonly OutputChunk[],
  ): Generator<JobStreamEvent, void, undefined> {
    for (const chunk of chunks) {
      this.sent = { attempt, offset: chunkEnd(chunk) };
      yield { type: 'output', attempt, chunk };
    }
  }

  private wake(): void {
    this.stirred = true;
    this.wakeUp?.();
  }

  private sleep(): Promise<void> {
    if (this.stirred || this.options.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), this.options.pollMs);
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = undefined;
        resolve();
      };
    });
  }
}

/** Grows with every state of a job's life. */
const progressOf = ({ state }: JobSnapshot): number => {
  switch (state.kind) {
    case 'queued':
      return 4 * state.attemptsStarted;
    case 'running':
      return 4 * state.assignment.attempt - (state.cancelRequested ? 1 : 2);
    case 'finished':
      return Infinity;
  }
};
