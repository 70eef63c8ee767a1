/**
 * Which container goes first when memory is short: the one whose loss costs least, in time of starting for each MiB that it
 * frees: (time to start another) x (how soon it is used again) / memory.
 *
 * A tenant's idle container is taken to be used again in about as long as it has been idle: of those of one pool the one
 * that was used longest ago goes first. Of n warm ones of a pool each is used as often as a job comes, divided by n. Parked
 * sessions hold what cannot be started again; they are not compared but go last, the longest idle one first.
 */
import type { Member, Shelf } from './shelf.js';
import type { Yard } from './yard.js';

const MS_PER_S = 1_000;

/** What the `n`-th warm container of the shelf is worth. */
export const warmWorth = (shelf: Shelf, n: number, nowMs: number): number =>
  (shelf.leads.p95Ms * shelf.stock.expectedPerS(nowMs)) / (n * shelf.memoryMiB);

const idleWorth = (member: Member, nowMs: number): number => {
  const idleMs = member.state.kind === 'idle' ? nowMs - member.state.sinceMs : 0;
  return (member.shelf.leads.p95Ms * MS_PER_S) / ((idleMs + MS_PER_S) * member.memoryMiB);
};

/** The idle or warm container worth least, below `limit`; not a warm one of `taker`, which needs those itself. */
export const cheapest = (yard: Yard, taker: Shelf, limit: number, nowMs: number): Member | undefined => {
  let best: Member | undefined;
  let bestWorth = limit;
  const weigh = (member: Member | undefined, worth: number): void => {
    if (member === undefined || worth >= bestWorth) return;
    best = member;
    bestWorth = worth;
  };
  for (const shelf of yard.shelves.values()) {
    const { stalest, oldestWarm } = shelf;
    if (stalest !== undefined) weigh(stalest, idleWorth(stalest, nowMs));
    if (oldestWarm === undefined || shelf === taker) continue;
    const isLeft =
      shelf.successor !== undefined && shelf.warm.size > shelf.stock.base(nowMs, shelf.leads.p95Ms);
    weigh(oldestWarm, isLeft ? 0 : warmWorth(shelf, shelf.warm.size, nowMs));
  }
  return best;
};

/** Memory that could be freed for `taker` in the end, in MiB. */
export const freeableMiB = (yard: Yard, taker: Shelf): number => {
  let sum = yard.leavingMiB;
  for (const shelf of yard.shelves.values())
    sum += (shelf.idle.size + (shelf === taker ? 0 : shelf.warm.size)) * shelf.memoryMiB;
  for (const member of yard.parked) sum += member.memoryMiB;
  return sum;
};
