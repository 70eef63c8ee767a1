/**
 * What happens on one connection of an autocannon instance, request by request.
 *
 * W1  Every request that was sent ends in exactly one count: accepted, refused, timed out, broken, or cut off by the
 *     end of the run. autocannon counts answers only.
 * W2  A request is in flight from `sent` to its end, one at a time (pipelining is 1); one that is in flight when the
 *     next is sent was lost with its connection.
 */
import type { Latency } from './latency.js';

/** Requests of a run, by how they ended. */
export interface Counts {
  sent: number;
  accepted: number;
  /** Answered with another status than 202. */
  refused: number;
  timedOut: number;
  /** Lost with their connection. */
  broken: number;
  /** In flight when the run ended. */
  cutOff: number;
}

export const noCounts = (): Counts => ({
  sent: 0,
  accepted: 0,
  refused: 0,
  timedOut: 0,
  broken: 0,
  cutOff: 0,
});

export class ConnectionWatch {
  private readonly counts: Counts;
  private readonly latency: Latency;
  private readonly ratePerConnection: number;
  private readonly nowMs: () => number;
  private sentAtMs: number | undefined;

  constructor(counts: Counts, latency: Latency, ratePerConnection: number, nowMs: () => number) {
    this.counts = counts;
    this.latency = latency;
    this.ratePerConnection = ratePerConnection;
    this.nowMs = nowMs;
  }

  sent(): void {
    if (this.sentAtMs !== undefined) this.end('broken', this.waitedMs());
    this.counts.sent += 1;
    this.sentAtMs = this.nowMs();
  }

  answered(status: number, tookMs: number): void {
    this.end(status === 202 ? 'accepted' : 'refused', tookMs);
  }

  timedOut(): void {
    if (this.sentAtMs !== undefined) this.end('timedOut', this.waitedMs());
  }

  runEnded(): void {
    if (this.sentAtMs !== undefined) this.end('cutOff', this.waitedMs());
  }

  private waitedMs(): number {
    return this.nowMs() - (this.sentAtMs ?? this.nowMs());
  }

  private end(how: Exclude<keyof Counts, 'sent'>, tookMs: number): void {
    this.counts[how] += 1;
    this.latency.record(tookMs, this.ratePerConnection);
    this.sentAtMs = undefined;
  }
}
