/**
 * How fast a group is served, as seen of late: how far the accounts of those it serves come in a ms, and how often it is
 * served. Seen over a window that forgets its older half when it is full, so a change shows after some dozens of starts.
 */

/** Starts of a full window. */
const STARTS_MAX = 128;
/** Starts before anything is said. */
const STARTS_MIN = 8;

export class Pace {
  private starts = -1;
  private firstAtMs = 0;
  private lastAtMs = 0;
  private firstTag = 0;
  private lastTag = 0;
  private resting = true;

  /** A job of a tenant whose account stood at `tag` was started. */
  started(tag: number, atMs: number): void {
    if (this.resting) {
      this.firstAtMs += atMs - this.lastAtMs;
      this.resting = false;
    }
    this.lastAtMs = atMs;
    this.lastTag = tag;
    this.starts += 1;
    if (this.starts === 0) {
      this.firstAtMs = atMs;
      this.firstTag = tag;
    } else if (this.starts > STARTS_MAX) {
      this.starts >>= 1;
      this.firstAtMs += (atMs - this.firstAtMs) / 2;
      this.firstTag += (tag - this.firstTag) / 2;
    }
  }

  /** Nothing waits: the time until the next start says nothing. */
  rest(): void {
    this.resting = true;
  }

  /** Mean time between starts, ms; null while too little was seen. */
  get intervalMs(): number | null {
    return this.starts < STARTS_MIN ? null : (this.lastAtMs - this.firstAtMs) / this.starts;
  }

  /** How long it is until an account that stands at `tag` is served, ms; null while too little was seen. */
  untilMs(tag: number, nowMs: number): number | null {
    const progress = this.lastTag - this.firstTag;
    if (this.starts < STARTS_MIN || progress <= 0) return null;
    const aheadMs = (Math.max(0, tag - this.lastTag) / progress) * (this.lastAtMs - this.firstAtMs);
    const sinceLastMs = this.resting ? 0 : nowMs - this.lastAtMs;
    return Math.max(0, aheadMs - sinceLastMs);
  }
}
