/**
 * Brings outcomes out of the engine: stores the projection of each commit's outcomes, and says how far that has come.
 *
 * R1  `through` only grows, and never passes a commit whose outcomes are not all acknowledged: what the ledger and the
 *     engine forget by it is readable elsewhere.
 * R2  A dead letter is stored before the outcome that makes it one.
 * R3  All outcomes of a commit go out in one call: a second one for the same commit would replace the first.
 * R4  At most IN_FLIGHT_MAX batches are under way; the rest waits in the engine's own records.
 */
import type { DeadLetter, LedgerFormat, OutcomeRecord } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { OutcomePort } from './ports.js';

const IN_FLIGHT_MAX = 16;

interface Waiting {
  readonly seq: number;
  readonly outcomes: OutcomeRecord[];
  readonly letters: (() => Promise<DeadLetter>)[];
  phase: 'waiting' | 'sent' | 'done';
}

export interface ProjectorOptions {
  readonly outcomes: OutcomePort;
  readonly clock: Clock;
  /** Pause before a failed projection is tried again, in ms. */
  readonly retryMs: number;
  readonly format: () => LedgerFormat;
  /** Every outcome in commits up to `seq` is acknowledged. */
  readonly onThrough: (seq: number) => void;
}

export class Projector {
  private readonly options: ProjectorOptions;
  /** Commits in order, from the first that is not done. */
  private queue: Waiting[] = [];
  private inFlight = 0;
  private jobs = 0;
  private closed = false;
  private pumping = false;

  constructor(options: ProjectorOptions) {
    this.options = options;
  }

  /** Jobs finished and not projected yet. */
  get backlog(): number {
    return this.jobs;
  }

  /** An outcome of the commit at `seq`, and its dead letter where it is one; commits come in order. */
  add(seq: number, record: OutcomeRecord, letter: (() => Promise<DeadLetter>) | undefined): void {
    this.jobs += 1;
    let batch = this.queue.at(-1);
    if (batch?.seq !== seq || batch.phase !== 'waiting') {
      batch = { seq, outcomes: [], letters: [], phase: 'waiting' };
      this.queue.push(batch);
    }
    batch.outcomes.push(record);
    if (letter !== undefined) batch.letters.push(letter);
    this.schedule();
  }

  /** The commit at `seq` is stored, and all its outcomes were added. */
  stored(seq: number): void {
    if (this.queue.length === 0) this.options.onThrough(seq);
    else if (this.queue.at(-1)?.seq !== seq)
      this.queue.push({ seq, outcomes: [], letters: [], phase: 'done' });
  }

  close(): void {
    this.closed = true;
  }

  /** In a microtask, so that all outcomes of a commit go out together. */
  private schedule(): void {
    if (this.pumping) return;
    this.pumping = true;
    queueMicrotask(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private pump(): void {
    if (this.closed) return;
    for (const batch of this.queue) {
      if (this.inFlight >= IN_FLIGHT_MAX) return;
      if (batch.phase !== 'waiting') continue;
      batch.phase = 'sent';
      this.inFlight += 1;
      void this.project(batch);
    }
  }

  private async project(batch: Waiting): Promise<void> {
    const stored = await this.store(batch).then(
      () => true,
      () => false,
    );
    if (this.closed) return;
    if (stored) this.settle(batch, 'done');
    else this.options.clock.after(this.options.retryMs, () => this.settle(batch, 'waiting'));
  }

  private async store({ seq, outcomes, letters }: Waiting): Promise<void> {
    const { outcomes: port, format } = this.options;
    await Promise.all(letters.map(async (letter) => port.bury(await letter())));
    await port.project({ ledgerSeq: seq, outcomes }, format());
  }

  private settle(batch: Waiting, phase: 'waiting' | 'done'): void {
    batch.phase = phase;
    this.inFlight -= 1;
    if (this.closed) return;
    this.advance();
    this.pump();
  }

  private advance(): void {
    let done = 0;
    let through = 0;
    for (const batch of this.queue) {
      if (batch.phase !== 'done') break;
      done += 1;
      through = batch.seq;
      this.jobs -= batch.outcomes.length;
    }
    if (done === 0) return;
    this.queue = this.queue.slice(done);
    this.options.onThrough(through);
  }
}
