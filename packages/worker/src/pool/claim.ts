/** What a job asks of the pool, and what it gets. */
import type { PoolSpec } from '@zerofleet/model';
import type { Found, Wish } from '@zerofleet/pool';
import type { RunnerLink } from '../runner/runner-link.js';

/** A container with its link. */
export interface Slot {
  readonly id: string;
  readonly spec: PoolSpec;
  readonly link: RunnerLink;
}

/** `session`: the session whose container it wants; the container is that session's from then on. `fresh`: none that ran a job. */
export interface ClaimRequest extends Wish {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/**
 * How a container was found. `session`: parked for it, with its files and shells; with any other, what the session had is not
 * in it. `reused`: the tenant's own, wiped; `warm`: from stock; `cold`: the job waited for it.
 */
export type ClaimHow = Found | 'cold';

export type Claim =
  | { readonly kind: 'claimed'; readonly slot: Slot; readonly how: ClaimHow }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'aborted' };
