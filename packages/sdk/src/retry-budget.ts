/**
 * How long and how often one call may be tried again.
 *
 * R1  Pauses grow exponentially with full jitter, so that callers who failed together do not come back together.
 * R2  A server's Retry-After is a lower bound of the pause; one that does not fit the rest of the budget ends the call.
 * R3  Both the time and the number of pauses are bounded. The time counts from the first failure: a long poll that breaks
 *     after a minute is tried again for as long as one that breaks at once.
 */
import { pause, type SdkClock } from './clock.js';

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 2_000;
/** Pauses within one budget, at most. */
const PAUSES_MAX = 32;

export class RetryBudget {
  private readonly clock: SdkClock;
  private readonly random: () => number;
  private readonly budgetMs: number;
  /** Undefined while nothing has failed. */
  private endsAtMs: number | undefined;
  private pauses = 0;

  /** `budgetMs` 0 never tries again. `random` gives [0, 1). */
  constructor(clock: SdkClock, random: () => number, budgetMs: number) {
    this.clock = clock;
    this.random = random;
    this.budgetMs = budgetMs;
  }

  /** Starts anew: something went well since the last failure. */
  reset(): void {
    this.endsAtMs = undefined;
    this.pauses = 0;
  }

  /** Pauses before the next try and says true; says false at once when the budget is used up. */
  async another(retryAfterMs: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const ceiling = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** this.pauses);
    const delayMs = (retryAfterMs ?? 0) + this.random() * ceiling;
    const nowMs = this.clock.nowMs();
    this.endsAtMs ??= nowMs + this.budgetMs;
    if (this.budgetMs === 0 || this.pauses >= PAUSES_MAX || nowMs + delayMs > this.endsAtMs) return false;
    this.pauses += 1;
    await pause(this.clock, delayMs, signal);
    return true;
  }
}
