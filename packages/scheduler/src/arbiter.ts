/**
 * Which class is served next. Classes decide who waits less, tenants' accounts decide who gets how much:
 *
 * K1  Among classes whose first tenant is within its share (its account at most LEAD_MS ahead of the virtual time) decisions
 *     go by the classes' weights, by start-time fair queueing. So a class buys a turn, and at most LEAD_MS of runtime.
 * K2  The lowest class keeps FLOOR_SHARE of all decisions, for tenants that have work in no other class, when they are beyond
 *     their share too. (Without that exception a tenant would gain by putting a part of its work there.)
 * K3  A class whose first tenant is within its share and whose first job waited longer than the class's bound is promoted, the
 *     most overdue one first, in at most AGING_SHARE of all decisions and AGING_BURST at once.
 * K4  Some class is always within its share: that of the smallest account. So no choice is ever left idle.
 */
import { AGE_MS, CLASS_WEIGHTS, CLASSES, LOWEST } from './classes.js';
import type { Flow } from './flow.js';

/** How far ahead of the virtual time a tenant may be served before others for its class, virtual ms. */
export const LEAD_MS = 1_000;
/** Decisions that the lowest class has in any case. */
export const FLOOR_SHARE = 1 / 85;
/** Promotions for each decision. */
export const AGING_SHARE = 0.08;
/** Promotions that may come one after the other. */
export const AGING_BURST = 4;

/** How a class was chosen. */
export type Title = 'share' | 'floor' | 'aged';

export class Arbiter {
  /** The virtual time of tenants' accounts. */
  virtualMs = 0;
  private readonly tags = CLASSES.map(() => 0);
  private turn = 0;
  private tokens = 0;
  private floor = 0;
  private lastTitle: Title = 'share';

  /** How the class of the last choice was chosen. */
  get title(): Title {
    return this.lastTitle;
  }

  /** The flow to serve among the first of each class; null when there is none. `sinceMs` is on the clock of the jobs. */
  choose(heads: readonly (Flow | null)[], sinceMs: number): Flow | null {
    let smallest = Infinity;
    for (let rank = 0; rank <= LOWEST; rank += 1) {
      const head = heads[rank] ?? null;
      if (head !== null && head.tenant.tag < smallest) smallest = head.tenant.tag;
    }
    if (smallest === Infinity) return null;
    if (smallest > this.virtualMs) this.virtualMs = smallest;
    this.tokens = Math.min(AGING_BURST, this.tokens + AGING_SHARE);
    const lowest = heads[LOWEST] ?? null;
    if (lowest !== null) this.floor = Math.min(1, this.floor + FLOOR_SHARE);
    const chosen = this.promoted(heads, sinceMs) ?? this.kept(lowest) ?? this.byWeight(heads);
    if (chosen !== null && chosen === lowest) this.floor = Math.max(0, this.floor - 1);
    return chosen;
  }

  /** The first of the lowest class where it is beyond its share and would get less than its class keeps (K2). */
  private kept(lowest: Flow | null): Flow | null {
    if (lowest === null || this.floor < 1 || this.isWithinShare(lowest)) return null;
    const { tenant } = lowest;
    if (tenant.waitingLowest !== tenant.waiting) return null;
    this.lastTitle = 'floor';
    return lowest;
  }

  private promoted(heads: readonly (Flow | null)[], sinceMs: number): Flow | null {
    if (this.tokens < 1) return null;
    let best: Flow | null = null;
    let bestOverdue = 1;
    for (let rank = 0; rank <= LOWEST; rank += 1) {
      const head = heads[rank] ?? null;
      if (head === null || !this.isWithinShare(head)) continue;
      const overdue = (sinceMs - (head.head?.sinceMs ?? sinceMs)) / (AGE_MS[rank] as number);
      if (overdue <= bestOverdue) continue;
      best = head;
      bestOverdue = overdue;
    }
    if (best === null) return null;
    this.tokens -= 1;
    this.lastTitle = 'aged';
    return best;
  }

  private byWeight(heads: readonly (Flow | null)[]): Flow | null {
    let best: Flow | null = null;
    let bestRank = 0;
    for (let rank = 0; rank <= LOWEST; rank += 1) {
      const head = heads[rank] ?? null;
      if (head === null || !this.isWithinShare(head)) continue;
      if (best !== null && (this.tags[rank] as number) >= (this.tags[bestRank] as number)) continue;
      best = head;
      bestRank = rank;
    }
    if (best === null) return null;
    this.lastTitle = 'share';
    const start = Math.max(this.tags[bestRank] as number, this.turn);
    this.turn = start;
    this.tags[bestRank] = start + 1 / (CLASS_WEIGHTS[bestRank] as number);
    return best;
  }

  private isWithinShare({ tenant }: Flow): boolean {
    return tenant.tag <= this.virtualMs + LEAD_MS;
  }
}
