/** Tenants that must be looked at again at a time of their own, although nothing happens to them. */
import { MinHeap } from './heap.js';
import type { Tenant } from './tenant.js';

export class Timers {
  private readonly heap = new MinHeap<Tenant>();

  /** The next time, ms; Infinity when there is none. */
  get nextAtMs(): number {
    return this.heap.firstKey;
  }

  /** Looks at `tenant` at `atMs`, or before when it is looked at before anyway. */
  set(tenant: Tenant, atMs: number): void {
    if (atMs >= tenant.timerAtMs) return;
    tenant.timerAtMs = atMs;
    this.heap.push(tenant, atMs);
  }

  /** The next tenant whose time has come; undefined when there is none. */
  pop(nowMs: number): Tenant | undefined {
    while (this.heap.firstKey <= nowMs) {
      const atMs = this.heap.firstKey;
      const tenant = this.heap.pop();
      // Another time was set after this one.
      if (tenant?.timerAtMs !== atMs) continue;
      tenant.timerAtMs = Infinity;
      return tenant;
    }
    return undefined;
  }
}
