/** What every running fleet offers, embedded or on a Swarm. */
import type { ExecutionMode } from '@zerofleet/model';
import type { TenantKey } from '../keys.js';

export interface Fleet {
  readonly mode: ExecutionMode;
  /** Base URL of the tenant API. */
  readonly apiUrl: string;
  /** The first tenant's key. */
  readonly apiKey: string;
  readonly tenants: readonly TenantKey[];
  /** A key of its operators. */
  readonly operatorKey: string;
  /** Ends the fleet; safe to call more than once. */
  stop(): Promise<void>;
}
