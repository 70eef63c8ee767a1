/**
 * Tenants that came and have nothing here any more: of more than may be remembered those go that are idle for longest.
 *
 * Z1  A tenant is forgotten only where a newcomer of its name would be treated alike: default policy, no pause, nothing
 *     waiting, running or stored, and an account that a newcomer's would not be before. What it used of a day goes with it:
 *     without a quota that counts for nothing. So does what was learned of its runtimes, which its tools' means stand for.
 * Z2  Beyond a second limit the account counts no more: while nothing ever waits, virtual time stands still and none would
 *     ever go. What such a tenant gains, once, is what it had beyond the virtual time, idle for as long as so many others.
 * Z3  Each time a tenant becomes idle, at most LOOKS are looked at: O(1), and more leave than come.
 */
import type { Tenant } from './tenant.js';

/** Idle tenants that are remembered. */
export interface IdleLimits {
  /** As many are in any case. */
  readonly kept: number;
  /** As many may be. */
  readonly max: number;
}

export const IDLE_LIMITS: IdleLimits = { kept: 50_000, max: 100_000 };
const LOOKS = 2;

export class IdleTenants {
  private readonly limits: IdleLimits;
  private readonly forget: (tenant: Tenant) => void;
  private first: Tenant | null = null;
  private last: Tenant | null = null;
  private count = 0;

  constructor(limits: IdleLimits, forget: (tenant: Tenant) => void) {
    this.limits = limits;
    this.forget = forget;
  }

  /** Something of a tenant ended: it may be idle now. */
  settle(tenant: Tenant, virtualMs: number): void {
    if (!tenant.isIdle || tenant.isInLine) return;
    this.push(tenant);
    for (let looks = 0; looks < LOOKS && this.count > this.limits.kept; looks += 1) this.look(virtualMs);
  }

  private look(virtualMs: number): void {
    const { first } = this;
    if (first === null) return;
    // One that has work comes again when it is idle again.
    const isGone = first.isIdle && (first.isForgettable(virtualMs) || this.count > this.limits.max);
    if (first.isIdle && !isGone) return;
    this.shift();
    if (isGone) this.forget(first);
  }

  private push(tenant: Tenant): void {
    tenant.isInLine = true;
    this.count += 1;
    if (this.last === null) this.first = tenant;
    else this.last.nextIdle = tenant;
    this.last = tenant;
  }

  private shift(): void {
    const { first } = this;
    if (first === null) return;
    this.first = first.nextIdle;
    if (this.first === null) this.last = null;
    first.nextIdle = null;
    first.isInLine = false;
    this.count -= 1;
  }
}
