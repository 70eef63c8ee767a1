/**
 * Stock: which pools want more of it, and whose turn it is.
 *
 * N1  Pools below their minimum go before those that are only below their target; of equals the emptiest.
 * N2  Starts for stock are paced: `refillPerS` in the long run, `startsMax` in a row.
 * N3  Where memory is short, stock takes the place of what is worth less than half of it: the other way round never pays
 *     right after. It never takes a parked session's.
 * N4  The stock of an image that was replaced goes as the new one comes: each new container that stands ends an old one.
 */
import type { PoolPolicy } from './policy.js';
import type { PlannerParts, StopWhy } from './planner.js';
import type { Member, Shelf } from './shelf.js';
import { cheapest, warmWorth } from './worth.js';
import type { Yard } from './yard.js';

/** What stock must be worth more than, to take another's memory: so many times. */
const SWAP_FACTOR = 2;
const MS_PER_S = 1_000;

interface Hands {
  readonly start: (shelf: Shelf, queuedMs: number) => void;
  readonly stop: (member: Member, why: StopWhy) => boolean;
}

export class Refill {
  private readonly yard: Yard;
  private readonly policy: PoolPolicy;
  private readonly hands: Hands;
  /** Shelves that hold less than their target. */
  private readonly wanting = new Set<Shelf>();
  private tokens: number;
  private tokensAtMs = 0;

  constructor({ yard, policy }: Pick<PlannerParts, 'yard' | 'policy'>, hands: Hands) {
    this.yard = yard;
    this.policy = policy;
    this.hands = hands;
    this.tokens = policy.startsMax;
  }

  /** Brings a shelf's target up to date, ends what stands there above it, and notes whether it wants more. */
  look(shelf: Shelf, nowMs: number, isDraining: boolean): void {
    shelf.target = isDraining ? 0 : targetOf(shelf, nowMs);
    for (const member of shelf.warm) {
      if (shelf.warm.size <= shelf.target) break;
      this.hands.stop(member, shelf.successor === undefined ? 'surplus' : 'rolled');
    }
    if (missing(shelf) > 0) this.wanting.add(shelf);
    else {
      this.wanting.delete(shelf);
      shelf.heldSinceMs = undefined;
    }
    // What stands there now lets the old one go.
    const { elder } = shelf;
    if (elder !== undefined && elder.warm.size > 0) this.yard.changed.add(elder);
  }

  /** Starts stock as far as it may now. */
  run(nowMs: number, jobsWait: boolean, isTick: boolean): void {
    if (this.wanting.size === 0) return;
    const { startsMax } = this.policy;
    const most = jobsWait ? Math.ceil(startsMax / 2) : Math.max(1, startsMax - 1);
    let tried: Set<Shelf> | undefined;
    for (;;) {
      const isGated = this.yard.starting >= most || this.tokensAt(nowMs) < 1;
      const shelf = isGated ? undefined : this.pick(nowMs, tried);
      if (shelf === undefined) break;
      if (this.yard.usedMiB + shelf.memoryMiB > this.policy.budgetMiB) {
        // One try a tick: what is on its way out then counts for the next.
        if (isTick && tried === undefined) this.swap(shelf, nowMs);
        shelf.heldSinceMs = undefined;
        (tried ??= new Set()).add(shelf);
        continue;
      }
      this.tokens -= 1;
      this.hands.start(shelf, nowMs - (shelf.heldSinceMs ?? nowMs));
      if (missing(shelf) <= 0) this.wanting.delete(shelf);
    }
    for (const shelf of this.wanting) if (tried?.has(shelf) !== true) shelf.heldSinceMs ??= nowMs;
  }

  /** The shelf whose turn it is (N1). */
  private pick(nowMs: number, tried: Set<Shelf> | undefined): Shelf | undefined {
    let best: Shelf | undefined;
    let bestRank = Infinity;
    for (const shelf of this.wanting) {
      if (tried?.has(shelf) === true || !shelf.breaker.mayStart(nowMs, shelf.count('starting'))) continue;
      const stands = shelf.target - missing(shelf);
      const rank = (stands < shelf.stock.min ? 0 : 1) + stands / (shelf.target + 1);
      if (rank >= bestRank) continue;
      best = shelf;
      bestRank = rank;
    }
    return best;
  }

  /** Makes room for one more of the shelf from what is worth less (N3). */
  private swap(shelf: Shelf, nowMs: number): void {
    const { yard, policy } = this;
    const stands = shelf.target - missing(shelf);
    const limit = warmWorth(shelf, stands + 1, nowMs) / SWAP_FACTOR;
    while (yard.usedMiB - yard.leavingMiB + shelf.memoryMiB > policy.budgetMiB) {
      const victim = cheapest(yard, shelf, limit, nowMs);
      if (victim === undefined || !this.hands.stop(victim, 'stock')) return;
    }
  }

  private tokensAt(nowMs: number): number {
    const { refillPerS, startsMax } = this.policy;
    this.tokens = Math.min(startsMax, this.tokens + ((nowMs - this.tokensAtMs) * refillPerS) / MS_PER_S);
    this.tokensAtMs = nowMs;
    return this.tokens;
  }
}

/** How many of its target neither stand nor are on their way; those that jobs wait for are not its. */
const missing = (shelf: Shelf): number =>
  shelf.target - shelf.warm.size - Math.max(0, shelf.count('starting') - shelf.demand);

const targetOf = (shelf: Shelf, nowMs: number): number => {
  const leadMs = shelf.leads.p95Ms;
  const { elder, stock, successor } = shelf;
  if (successor !== undefined) {
    stock.min = Math.max(0, shelf.rolledMin - successor.warm.size);
    if (successor.warm.size >= successor.target) stock.settle(nowMs, leadMs);
  }
  const own = stock.target(nowMs, leadMs);
  // Its jobs may come here any moment.
  return elder === undefined ? own : Math.max(own, elder.stock.wanted(nowMs, leadMs));
};
