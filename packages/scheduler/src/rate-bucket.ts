/**
 * A token bucket that is filled by time. It starts empty, so that a new leader grants nothing that its predecessor may have
 * granted already.
 *
 * B1  In any span of t seconds at most `burst + perSecond × t` tokens are taken (to a millionth).
 */
/** What a token may lack for rounding. */
const ROUNDING = 1e-6;

export class RateBucket {
  private perSecond: number;
  private burst: number;
  private tokens = 0;
  private filledAtMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.filledAtMs = nowMs;
  }

  /** Goes on with another rate; what is inside stays, up to the new burst. */
  change(perSecond: number, burst: number, nowMs: number): void {
    this.fill(nowMs);
    this.perSecond = perSecond;
    this.burst = burst;
    this.tokens = Math.min(this.tokens, burst);
  }

  empty(nowMs: number): void {
    this.fill(nowMs);
    this.tokens = 0;
  }

  /** When so many tokens are there, ms; not after `nowMs` when they are there now, Infinity for never. */
  readyAtMs(nowMs: number, count = 1): number {
    this.fill(nowMs);
    if (this.tokens >= count - ROUNDING) return nowMs;
    if (this.burst < count || this.perSecond <= 0) return Infinity;
    // Less than is allowed to lack: at that time it is there, however the sums were rounded on the way.
    return nowMs + ((count - ROUNDING / 2 - this.tokens) * 1_000) / this.perSecond;
  }

  /** Tokens that could be taken at once now. */
  left(nowMs: number): number {
    this.fill(nowMs);
    return Math.floor(this.tokens + ROUNDING);
  }

  /** Takes a token; false when there is none. */
  take(nowMs: number): boolean {
    this.fill(nowMs);
    if (this.tokens < 1 - ROUNDING) return false;
    this.tokens -= 1;
    return true;
  }

  private fill(nowMs: number): void {
    const passedMs = nowMs - this.filledAtMs;
    if (passedMs <= 0) return;
    this.filledAtMs = nowMs;
    this.tokens = Math.min(this.burst, this.tokens + (passedMs * this.perSecond) / 1_000);
  }
}
