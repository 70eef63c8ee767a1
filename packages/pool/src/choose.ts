/**
 * Which container a job gets: the one that its session has, else the tenant's own that was used last, else the warm one that
 * has waited longest. Never one of another tenant or session (I5).
 */
import type { ContainerOwner, JobId, PoolSpec, ToolName } from '@zerofleet/model';
import type { BreakShares } from './shares.js';
import type { Member, Shelf } from './shelf.js';
import type { Yard } from './yard.js';

/** What a job asks for. */
export interface Wish extends ContainerOwner {
  readonly spec: PoolSpec;
  readonly job: JobId;
  readonly tool: ToolName;
  /** It takes no container that ran a job before. */
  readonly fresh?: boolean;
}

/** How a container was found: parked for the session, the tenant's own, from stock. */
export type Found = 'session' | 'reused' | 'warm';

/**
 * `own`: the session's container is not ready, or holds the files that the job needs and is of another pool; `share`: the
 * tool breaks too many; `start`: one must be started.
 */
export type Choice =
  | { readonly kind: 'take'; readonly how: Found; readonly member: Member }
  | { readonly kind: 'own'; readonly member: Member }
  | { readonly kind: 'share' }
  | { readonly kind: 'start' };

const SHARE: Choice = { kind: 'share' };
const START: Choice = { kind: 'start' };

export const choose = (yard: Yard, shares: BreakShares, shelf: Shelf, wish: Wish, nowMs: number): Choice => {
  const own = yard.ofSession(wish);
  if (own !== undefined)
    return own.state.kind === 'idle' && own.shelf === shelf
      ? { kind: 'take', how: 'session', member: own }
      : { kind: 'own', member: own };
  const reused = wish.fresh === true ? undefined : shelf.ownOf(wish.tenant);
  if (reused !== undefined) return { kind: 'take', how: 'reused', member: reused };
  if (!shares.mayTake(wish.tenant, wish.tool, nowMs)) return SHARE;
  const member = shelf.oldestWarm;
  return member === undefined ? START : { kind: 'take', how: 'warm', member };
};
