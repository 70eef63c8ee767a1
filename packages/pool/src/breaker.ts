/**
 * Whether containers of one pool may be started: it keeps a broken image from eating the starts of the others.
 *
 * B1  After a failed start the pool rests, 1 s at first and twice as long each time, up to BACKOFF_MAX_MS; then one is tried
 *     at a time until one succeeds. Starts that were under way together fail together: they count once.
 * B2  After FAILURES_MAX failures in a row it is open: jobs hear the reason at once. When the rest is over it is half open:
 *     jobs wait again for the one that is tried, and if it succeeds the pool is closed.
 * B3  Containers that die while nobody uses them open it too, DEATHS_MAX of them within about a minute. Those of one tenant
 *     count as one: a tenant that breaks its containers closes no pool to the others.
 */
import type { TenantId } from '@zerofleet/model';

export type BreakerState = 'closed' | 'open' | 'half';

const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;
const FAILURES_MAX = 5;
const DEATHS_MAX = 5;
/** How long a death counts, and how long a pool must be sound until its next rest is short again, in ms. */
const DEATH_COUNTS_MS = 60_000;

/** How long a pool rests after so many failures in a row, in ms. */
export const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));

interface Death {
  readonly atMs: number;
  readonly tenant: TenantId | undefined;
}

export class Breaker {
  /** Why the last container failed; undefined when the pool is sound. */
  private trouble: string | undefined;
  /** Failed starts in a row; and openings because of deaths, of late. */
  private failures = 0;
  private trips = 0;
  private failedAtMs = 0;
  private restsUntilMs = 0;
  private isOpen = false;
  /** When deaths opened it last. */
  private trippedAtMs = 0;
  private deaths: Death[] = [];

  get reason(): string | undefined {
    return this.trouble;
  }

  state(nowMs: number): BreakerState {
    if (!this.isOpen) return 'closed';
    return nowMs < this.restsUntilMs ? 'open' : 'half';
  }

  /** Whether one may be started now, while `starting` are on their way. */
  mayStart(nowMs: number, starting: number): boolean {
    if (this.failures === 0 && !this.isOpen) return true;
    return nowMs >= this.restsUntilMs && starting === 0;
  }

  /** A start that began at `bornMs` succeeded. */
  started(bornMs: number, nowMs: number): void {
    // Of containers that die later, one from before says nothing.
    if (bornMs < this.trippedAtMs) return;
    this.failures = 0;
    this.restsUntilMs = Math.min(this.restsUntilMs, nowMs);
    this.isOpen = false;
    this.trouble = undefined;
  }

  /** A start that began at `bornMs` failed. */
  startFailed(bornMs: number, nowMs: number, reason: string): void {
    // One that began as the last failure came began after it: a rest is over then.
    if (this.failures === 0 || bornMs > this.failedAtMs) this.failures += 1;
    this.failedAtMs = nowMs;
    this.rest(backoffMs(this.failures), nowMs, reason);
    if (this.failures >= FAILURES_MAX) this.isOpen = true;
  }

  /** A container died that nobody used; `tenant` is the one whose it was, if it was anybody's. */
  died(tenant: TenantId | undefined, nowMs: number, reason: string): void {
    this.deaths = this.deaths.filter(({ atMs }) => nowMs - atMs < DEATH_COUNTS_MS);
    if (this.deaths.length === 0) this.trips = 0;
    if (tenant !== undefined && this.deaths.some((death) => death.tenant === tenant)) return;
    this.deaths.push({ atMs: nowMs, tenant });
    if (this.deaths.length < DEATHS_MAX) return;
    this.trips += 1;
    this.trippedAtMs = nowMs;
    // One more is enough to open it again, until they are forgotten.
    this.deaths.shift();
    this.isOpen = true;
    this.rest(backoffMs(this.trips), nowMs, reason);
  }

  private rest(ms: number, nowMs: number, reason: string): void {
    this.restsUntilMs = Math.max(this.restsUntilMs, nowMs + ms);
    this.trouble = reason;
  }
}
