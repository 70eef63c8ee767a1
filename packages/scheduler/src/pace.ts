/**
 * How fast a group is served, as seen of late: how far the accounts of those it serves come in a ms, and how often it is
 * served. Both are sums that forget, so a change shows after some dozens of starts.
 */

/** What a start leaves of the sums before it. */
const KEPT = 1 - 1 / 64;
/** Starts before anything is said. */
const STARTS_MIN = 8;

export class Pace {
  private lastAtMs = NaN;
  private lastTag = 0;
  private starts = 0;
  private spanMs = 0;
  private progress = 0;
  private weight = 0;

  /** A job of a tenant whose account stood at `tag` was started. */
  started(tag: number, nowMs: number): void {
    if (!Number.isNaN(this.lastAtMs)) {
      this.starts += 1;
      this.spanMs = this.spanMs * KEPT + (nowMs - this.lastAtMs);
      this.progress = this.progress * KEPT + (tag - this.lastTag);
      this.weight = this.weight * KEPT + 1;
    }
    this.lastAtMs = nowMs;
    this.lastTag = tag;
  }

  /** Nothing waits: the time until the next start says nothing. */
  rest(): void {
    this.lastAtMs = NaN;
  }

  /** Mean time between starts, ms; null while too little was seen. */
  get intervalMs(): number | null {
    return this.starts < STARTS_MIN ? null : this.spanMs / this.weight;
  }

  /** Virtual ms that pass in a ms; null while too little was seen, or when they do not. */
  get speed(): number | null {
    return this.starts < STARTS_MIN || this.progress <= 0
      ? null
      : this.progress / Math.max(this.spanMs, 1e-3);
  }
}
