/**
 * Stock: which pools want more of it, and whose turn it is.
 *
 * N1  Pools below their minimum go before those that are only below their target; of equals the emptiest.
 * N2  Starts for stock are paced: `refillPerS` in the long run, `startsMax` in a row.
 * N3  Where memory is short, stock takes the place of what is worth well less: the other way round never pays right after.
 *     It never takes a parked session's.
 * N4  The stock of an image that was replaced goes as the new one comes: each new container that stands ends an old one.
 * N5  Above its minimum a pool's stock has half of the budget at most: what jobs hold and come back to has the rest. Without that
 *     stock ends the containers that tenants would have come back to, their jobs ask for new ones, and that asks for more stock.
 */
import type { PoolPolicy } from './policy.js';
import type { PlannerParts, StopWhy } from './planner.js';
import type { Member, Shelf } from './shelf.js';
import { cheaperMiB, cheapest, warmWorth } from './worth.js';
import type { Yard } from './yard.js';

/** What stock must be worth more than, to take another's memory: so many times. */
const SWAP_FACTOR = 1.5;
const BUDGET_SHARE = 0.5;
const MS_PER_S = 1_000;

/** How many may be starting when one more is started for stock: the last one is left to a job. */
export const stockStarts = (startsMax: number): number => Math.max(1, startsMax - 1);

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
  /** Those of them that found no memory, until the next tick or until less is used than then. */
  private readonly stuck = new Set<Shelf>();
  private stuckAtMiB = 0;
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
    shelf.target = isDraining ? 0 : this.targetOf(shelf, nowMs);
    for (const member of shelf.warm) {
      if (shelf.warm.size <= shelf.target) break;
      this.hands.stop(member, shelf.successor === undefined ? 'surplus' : 'rolled');
    }
    const wants = Math.max(0, missing(shelf));
    while (shelf.owedSinceMs.length < wants) shelf.owedSinceMs.push(nowMs);
    shelf.owedSinceMs.length = wants;
    if (wants > 0) this.wanting.add(shelf);
    else this.wanting.delete(shelf);
    // What stands there now lets the old one go.
    const { elder } = shelf;
    if (elder !== undefined && elder.warm.size > 0) this.yard.changed.add(elder);
  }

  /** Starts stock as far as it may now. */
  run(nowMs: number, jobsWait: boolean, isTick: boolean): void {
    if (isTick || this.yard.usedMiB < this.stuckAtMiB) this.stuck.clear();
    if (this.wanting.size === 0) return;
    const { startsMax } = this.policy;
    const most = jobsWait ? Math.ceil(startsMax / 2) : stockStarts(startsMax);
    while (this.yard.starting < most && this.tokensAt(nowMs) >= 1) {
      const shelf = this.pick(nowMs);
      if (shelf === undefined) return;
      if (this.yard.usedMiB + shelf.memoryMiB > this.policy.budgetMiB) {
        // No stock makes good what memory is missing.
        shelf.owedSinceMs.fill(nowMs);
        // What is on its way out is soon gone, and the next plan goes on from there.
        if (this.swap(shelf, nowMs)) return;
        this.stuck.add(shelf);
        this.stuckAtMiB = this.yard.usedMiB;
        continue;
      }
      this.tokens -= 1;
      this.hands.start(shelf, nowMs - (shelf.owedSinceMs.shift() ?? nowMs));
      if (missing(shelf) <= 0) this.wanting.delete(shelf);
    }
  }

  private targetOf(shelf: Shelf, nowMs: number): number {
    const leadMs = shelf.leads.p95Ms;
    const { elder, stock, successor } = shelf;
    if (successor === undefined) {
      const own = stock.target(nowMs, leadMs);
      // The old one's jobs may come here any moment.
      const both = elder === undefined ? own : Math.max(own, elder.stock.base(nowMs, elder.leads.p95Ms));
      return Math.min(both, this.mostOf(shelf));
    }
    const left = Math.max(0, Math.min(shelf.rolledFrom, successor.target) - successor.warm.size);
    // What is left of it stays a while; only jobs that still come bring more of it.
    return Math.max(Math.min(left, shelf.warm.size), stock.base(nowMs, leadMs));
  }

  /** What of the shelf may stand, at most (N5). */
  private mostOf({ stock, memoryMiB }: Shelf): number {
    return Math.max(stock.min, Math.floor((BUDGET_SHARE * this.policy.budgetMiB) / memoryMiB));
  }

  /** The shelf whose turn it is (N1). */
  private pick(nowMs: number): Shelf | undefined {
    let best: Shelf | undefined;
    let bestRank = Infinity;
    for (const shelf of this.wanting) {
      if (this.stuck.has(shelf) || !shelf.breaker.mayStart(nowMs, shelf.count('starting'))) continue;
      const stands = shelf.target - missing(shelf);
      const rank = (stands < shelf.stock.min ? 0 : 1) + stands / (shelf.target + 1);
      if (rank >= bestRank) continue;
      best = shelf;
      bestRank = rank;
    }
    return best;
  }

  /** Makes room for one more of the shelf from what is worth less (N3); false where there is too little of that. */
  private swap(shelf: Shelf, nowMs: number): boolean {
    const { yard, policy } = this;
    const stands = shelf.target - missing(shelf);
    const limit = warmWorth(shelf, stands + 1, nowMs) / SWAP_FACTOR;
    if (yard.usedMiB + shelf.memoryMiB - cheaperMiB(yard, limit, nowMs) > policy.budgetMiB) return false;
    while (yard.usedMiB - yard.leavingMiB + shelf.memoryMiB > policy.budgetMiB) {
      const victim = cheapest(yard, limit, nowMs);
      if (victim === undefined || !this.hands.stop(victim, 'stock')) return false;
    }
    return true;
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
