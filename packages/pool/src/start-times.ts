/** How long the last starts of a pool took, from the wish for one to its greeting. */

/** Starts that are remembered. */
const KEPT = 64;
/** What a start is taken to last until one was seen, in ms. */
const UNSEEN_MS = 500;
/** Starting one is never free, in ms. */
const SHORTEST_MS = 1;
/** Longer ones say that the engine is in trouble, which no stock makes good, in ms. */
const LONGEST_MS = 10_000;

export class StartTimes {
  private readonly kept: number[] = [];
  private next = 0;
  private p50 = UNSEEN_MS;
  private p95 = UNSEEN_MS;

  add(tookMs: number): void {
    this.kept[this.next] = Math.max(SHORTEST_MS, Math.min(tookMs, LONGEST_MS));
    this.next = (this.next + 1) % KEPT;
    const sorted = [...this.kept].sort((a, b) => a - b);
    this.p50 = at(sorted, 0.5);
    this.p95 = at(sorted, 0.95);
  }

  get p50Ms(): number {
    return this.p50;
  }

  get p95Ms(): number {
    return this.p95;
  }

  get isKnown(): boolean {
    return this.kept.length > 0;
  }
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? UNSEEN_MS;
