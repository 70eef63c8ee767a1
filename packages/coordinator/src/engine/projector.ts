/**
 * Brings finished jobs out of the engine: stores the projection of each outcome, then lets the engine forget the job.
 *
 * R1  A job is forgotten only after its projection was acknowledged, so the ledger's acceptance of it stays till then.
 * R2  At most PROJECT_IN_FLIGHT_MAX projections are under way; the rest waits in the engine's own records.
 */
import type { OutcomeRecord } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { OutcomePort } from './ports.js';

const PROJECT_IN_FLIGHT_MAX = 64;

export class Projector {
  private readonly outcomes: OutcomePort;
  private readonly clock: Clock;
  private readonly retryMs: number;
  private readonly onProjected: (record: OutcomeRecord) => void;
  private readonly waiting: OutcomeRecord[] = [];
  private inFlight = 0;
  private closed = false;

  constructor(
    outcomes: OutcomePort,
    clock: Clock,
    retryMs: number,
    onProjected: (record: OutcomeRecord) => void,
  ) {
    this.outcomes = outcomes;
    this.clock = clock;
    this.retryMs = retryMs;
    this.onProjected = onProjected;
  }

  /** Jobs finished and not projected yet. */
  get backlog(): number {
    return this.waiting.length + this.inFlight;
  }

  add(record: OutcomeRecord): void {
    this.waiting.push(record);
    this.pump();
  }

  close(): void {
    this.closed = true;
  }

  private pump(): void {
    while (!this.closed && this.inFlight < PROJECT_IN_FLIGHT_MAX) {
      const record = this.waiting.shift();
      if (record === undefined) return;
      this.inFlight += 1;
      void this.project(record);
    }
  }

  private async project(record: OutcomeRecord): Promise<void> {
    const stored = await this.outcomes.project(record).then(
      () => true,
      () => false,
    );
    if (this.closed) return;
    if (stored) this.settle(() => this.onProjected(record));
    else this.clock.after(this.retryMs, () => this.settle(() => this.waiting.push(record)));
  }

  private settle(then: () => void): void {
    this.inFlight -= 1;
    then();
    this.pump();
  }
}
