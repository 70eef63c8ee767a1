/**
 * How fast a tenant's jobs leave the queue: when there will be a place for one more.
 *
 * D1  The next one is expected one mean interval after the last one; where nothing has left for longer than that, one more
 *     interval from now. What is expected is never before now.
 */
import type { TenantId } from '@zerofleet/model';

/** Weight of the newest interval. */
const NEWEST = 0.25;
/** Expected where nothing has left yet, in ms. */
const UNKNOWN_MS = 1_000;
/** Nobody is told to wait for longer than this, in ms. */
const WAIT_MS_MAX = 3_600_000;
/** Tenants that are remembered, at most; who left longest ago goes first. */
const TENANTS_MAX = 10_000;

interface Pace {
  lastMs: number;
  /** NaN until two have left. */
  meanMs: number;
}

export class Departures {
  private readonly paces = new Map<TenantId, Pace>();

  /** A job of the tenant left the queue. */
  note(tenant: TenantId, atMs: number): void {
    const pace = this.paces.get(tenant);
    this.paces.delete(tenant);
    if (pace === undefined) this.paces.set(tenant, { lastMs: atMs, meanMs: NaN });
    else {
      const intervalMs = Math.max(atMs - pace.lastMs, 0);
      const isFirst = Number.isNaN(pace.meanMs);
      pace.meanMs = isFirst ? intervalMs : pace.meanMs + NEWEST * (intervalMs - pace.meanMs);
      pace.lastMs = atMs;
      this.paces.set(tenant, pace);
    }
    const [oldest] = this.paces.keys();
    if (this.paces.size > TENANTS_MAX && oldest !== undefined) this.paces.delete(oldest);
  }

  /** Until the next job of the tenant leaves, in ms (D1). */
  nextInMs(tenant: TenantId, nowMs: number): number {
    const pace = this.paces.get(tenant);
    if (pace === undefined || Number.isNaN(pace.meanMs)) return UNKNOWN_MS;
    const inMs = pace.lastMs + pace.meanMs - nowMs;
    return Math.min(Math.max(inMs > 0 ? inMs : pace.meanMs, 1), WAIT_MS_MAX);
  }
}
