/**
 * Which container goes first when memory is short: the one whose loss costs least, in time of starting for each MiB that it
 * frees: (time to start another) x (uses to expect in a second) / memory.
 *
 * A tenant's idle container is used again as often as those of its pool were that had been idle for as long; of those of one
 * pool the longest idle goes first. Of n warm ones of a pool each is used as often as a job comes, divided by n. Parked
 * sessions hold what cannot be started again; they are not compared but go last, the longest idle one first.
 */
import type { Member, Shelf } from './shelf.js';
import type { Yard } from './yard.js';

/** What the `n`-th warm container of the shelf is worth. */
export const warmWorth = (shelf: Shelf, n: number, nowMs: number): number =>
  (shelf.leads.p95Ms * shelf.stock.expectedPerS(nowMs)) / (n * shelf.memoryMiB);

/** What is left of an idle container's worth while others stand ready: its tenant then gets one of those, and waits for nothing. */
const STOCKED_SHARE = 0.1;

const idleWorth = ({ shelf, state }: Member, nowMs: number): number => {
  const idleMs = state.kind === 'idle' ? nowMs - state.sinceMs : 0;
  const share = shelf.warm.size > 0 ? STOCKED_SHARE : 1;
  return (share * shelf.leads.p95Ms * shelf.reuse.perS(idleMs)) / shelf.memoryMiB;
};

/** What the warm one is worth that the shelf would give up when `n` stand there. */
const lastWarmWorth = (shelf: Shelf, n: number, nowMs: number): number => {
  const isLeft = shelf.successor !== undefined && n > shelf.stock.base(nowMs, shelf.leads.p95Ms);
  return isLeft ? 0 : warmWorth(shelf, n, nowMs);
};

/** The idle or warm container worth least, below `limit`. */
export const cheapest = (yard: Yard, limit: number, nowMs: number): Member | undefined => {
  let best: Member | undefined;
  let bestWorth = limit;
  for (const shelf of yard.shelves.values()) {
    const { stalest, oldestWarm } = shelf;
    const idle = stalest === undefined ? Infinity : idleWorth(stalest, nowMs);
    const warm = oldestWarm === undefined ? Infinity : lastWarmWorth(shelf, shelf.warm.size, nowMs);
    if (Math.min(idle, warm) >= bestWorth) continue;
    best = idle <= warm ? stalest : oldestWarm;
    bestWorth = Math.min(idle, warm);
  }
  return best;
};

/** Memory of what is on its way out, and of what could be ended that is worth less than `limit`, in MiB. */
export const cheaperMiB = (yard: Yard, limit: number, nowMs: number): number => {
  let sum = yard.leavingMiB;
  for (const shelf of yard.shelves.values()) {
    for (const member of shelf.idle) {
      if (idleWorth(member, nowMs) >= limit) break;
      sum += shelf.memoryMiB;
    }
    for (let n = shelf.warm.size; n > 0 && lastWarmWorth(shelf, n, nowMs) < limit; n -= 1)
      sum += shelf.memoryMiB;
  }
  return sum;
};

/** Memory that could be freed for a job in the end, parked sessions' too, in MiB. */
export const freeableMiB = (yard: Yard): number => {
  let sum = yard.leavingMiB;
  for (const shelf of yard.shelves.values()) sum += (shelf.idle.size + shelf.warm.size) * shelf.memoryMiB;
  for (const member of yard.parked) sum += member.memoryMiB;
  return sum;
};
