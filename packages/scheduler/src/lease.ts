/** What a running job was given and charged, to be corrected and given back at its end. */
import type { Meter } from './meter.js';
import type { Tenant } from './tenant.js';

export interface Lease {
  readonly tenant: Tenant;
  readonly meter: Meter;
  /** What was charged for it so far, ms of runtime. */
  chargedMs: number;
  /** Virtual ms of the account for a ms of runtime, as it was at its start. */
  readonly rate: number;
  readonly warm: boolean;
  /** Compute time set aside for it of the tenant's day, ms. */
  readonly reservedMs: number;
  /** What its outcome may store, set aside of the tenant's quota, bytes. */
  readonly reservedBytes: number;
}
