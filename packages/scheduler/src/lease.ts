/**
 * What a running job was given and charged, to be corrected and given back at its end. Used again for the next job then: a
 * job that waited long is in another part of memory than what is new, and each link from there is work for the collector.
 */
import type { Meter } from './meter.js';
import type { Tenant } from './tenant.js';

export interface Lease {
  tenant: Tenant;
  meter: Meter;
  /** What was charged for it so far, ms of runtime. */
  chargedMs: number;
  /** Virtual ms of the account for a ms of runtime, as it was at its start. */
  rate: number;
  warm: boolean;
  /** Compute time set aside for it of the tenant's day, ms. */
  reservedMs: number;
  /** What its outcome may store, set aside of the tenant's quota, bytes. */
  reservedBytes: number;
}

/** Leases that no job has: at most as many as jobs ran at once. */
export class Leases {
  private readonly free: Lease[] = [];

  /** A lease with nothing in it yet but whose it is. */
  take(tenant: Tenant, meter: Meter): Lease {
    const lease = this.free.pop();
    if (lease === undefined) {
      // The amounts become fractions: said at once, so that all leases are alike.
      return { tenant, meter, chargedMs: NaN, rate: NaN, warm: false, reservedMs: 0, reservedBytes: 0 };
    }
    lease.tenant = tenant;
    lease.meter = meter;
    return lease;
  }

  give(lease: Lease): void {
    this.free.push(lease);
  }
}
