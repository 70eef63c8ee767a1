/**
 * The warm pool: which containers there are, who gets which, who waits. Pure: events and the time in, actions out. After
 * every event the driver calls `plan` and applies what it says.
 */
import type { PoolSpec, ToolName } from '@zerofleet/model';
import { choose, type Found, type Wish } from './choose.js';
import { Planner, type PoolAction } from './planner.js';
import { policyOf, type PoolPolicy, type PoolSettings } from './policy.js';
import type { Queue, Waiter } from './queue.js';
import { stockStarts } from './refill.js';
import { BreakShares } from './shares.js';
import { sameShape, type Member, type MissReason, type Shelf } from './shelf.js';
import { Yard } from './yard.js';

/** A pool that is configured: with its minimum of stock, and the tools whose jobs it is for. */
export interface PoolWant {
  readonly spec: PoolSpec;
  readonly stock: number;
  readonly tools?: readonly ToolName[];
}

export type Answer =
  | { readonly kind: 'given'; readonly member: Member; readonly how: Found }
  | { readonly kind: 'waiting'; readonly waiter: Waiter; readonly why: MissReason };

/**
 * What becomes of a container after its job. `again`: it is wiped for the tenant's next one; `keep`: it is parked for its
 * session; `end`: it is destroyed; `broken`: destroyed too, because the job left it in a state that nobody knows.
 */
export type Release = 'again' | 'keep' | 'end' | 'broken';

/** Why a container ended by itself: `engine`: all of its engine did; `reset`: it could not be made ready again; `died`: else. */
export type Death = 'engine' | 'reset' | 'died';

const MS_PER_S = 1_000;

export class Pool {
  readonly policy: PoolPolicy;
  private readonly yard: Yard;
  private readonly queue: Queue = new Set();
  private readonly shares: BreakShares;
  private readonly planner: Planner;
  /** The shelf that a tool's jobs asked for last. */
  private readonly shelfOf = new Map<ToolName, Shelf>();

  constructor(settings: PoolSettings) {
    this.policy = policyOf(settings);
    this.yard = new Yard(this.policy);
    this.shares = new BreakShares(this.policy);
    const { yard, queue, shares } = this;
    this.planner = new Planner({ yard, queue, shares, policy: this.policy });
  }

  get members(): ReadonlyMap<string, Member> {
    return this.yard.members;
  }

  get shelves(): Iterable<Shelf> {
    return this.yard.shelves.values();
  }

  get usedMiB(): number {
    return this.yard.usedMiB;
  }

  /** Containers of the shelf that could be started for stock in a second, by what starts took of late; null until one was seen. */
  refillPerS({ starts }: Shelf): number | null {
    const { startsMax, refillPerS } = this.policy;
    return starts.isKnown ? Math.min(refillPerS, (stockStarts(startsMax) * MS_PER_S) / starts.p50Ms) : null;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Says which pools there are to be from now on. One that is not named any more, and one of the same shape that has one of
   * its tools, are an old and a new image: the new stock is built before the old one goes.
   */
  configure(wants: readonly PoolWant[], nowMs: number): void {
    const before = [...this.yard.shelves.values()].filter((shelf) => shelf.isConfigured);
    const now = new Set(wants.map((want) => this.want(want, nowMs)));
    for (const old of before) {
      if (now.has(old)) continue;
      const heirs = [...now].filter((shelf) => sameShape(shelf, old));
      const heir = heirs.find((shelf) => [...old.tools].some((tool) => shelf.tools.has(tool)));
      this.retire(old, heir ?? (heirs.length === 1 ? heirs[0] : undefined), nowMs);
    }
  }

  /** A container for `wish`, or a place in the queue; the next plan says what becomes of who waits. */
  claim(wish: Wish, nowMs: number): Answer {
    const shelf = this.shelfFor(wish, nowMs);
    shelf.usedAtMs = nowMs;
    const choice = choose(this.yard, this.shares, shelf, wish, nowMs);
    if (choice.kind === 'start' || (choice.kind === 'take' && choice.how === 'warm')) {
      shelf.stock.demanded(nowMs, shelf.leads.p95Ms);
      this.yard.changed.add(shelf);
    }
    if (choice.kind === 'take') {
      this.yard.claim(choice.member, wish, choice.how, nowMs);
      return { kind: 'given', member: choice.member, how: choice.how };
    }
    const waiter = { wish, shelf };
    const why =
      choice.kind === 'start' ? this.missReason(shelf, nowMs) : choice.kind === 'own' ? 'session' : 'share';
    shelf.misses[why] = (shelf.misses[why] ?? 0) + 1;
    this.queue.add(waiter);
    return { kind: 'waiting', waiter, why };
  }

  /** The job waits no more. */
  leave(waiter: Waiter): void {
    this.planner.leave(waiter);
  }

  /** A container that was starting or made ready again is ready. */
  ready(member: Member, nowMs: number): void {
    const { shelf, state, bornMs } = member;
    this.yard.step(member, { kind: 'ready', atMs: nowMs });
    if (state.kind !== 'starting') return;
    shelf.breaker.started(bornMs, nowMs);
    shelf.starts.add(nowMs - bornMs);
    shelf.leads.add(nowMs - bornMs + member.queuedMs);
  }

  /** A container could not be started; nothing of it is left. */
  startFailed(member: Member, reason: string, nowMs: number): void {
    member.shelf.failures += 1;
    member.shelf.breaker.startFailed(member.bornMs, nowMs, reason);
    this.yard.step(member, { kind: 'ended' });
  }

  /** Takes a container back after its job: says what the driver does with it; `worn`: it ends since it has served its time. */
  released(member: Member, what: Release, nowMs: number): 'reset' | 'keep' | 'worn' | 'end' {
    const { state } = member;
    if (state.kind !== 'busy') return 'end';
    if (what === 'broken') this.brokeBy(member, nowMs);
    const isWorn = state.uses >= this.policy.usesMax || nowMs - member.bornMs >= this.policy.ageMaxMs;
    const next =
      what === 'keep' && state.session !== undefined
        ? 'keep'
        : what !== 'again' || state.session !== undefined || this.planner.isDraining
          ? 'end'
          : isWorn
            ? 'worn'
            : 'reset';
    this.yard.step(member, { kind: next === 'reset' || next === 'keep' ? 'released' : 'stop' });
    return next;
  }

  /** A container ended by itself, or must be ended. It is there until `gone`. */
  died(member: Member, death: Death, reason: string, nowMs: number): void {
    const { state, shelf } = member;
    if (state.kind === 'stopping' || state.kind === 'gone') return;
    this.yard.step(member, { kind: 'stop' });
    if (death === 'engine') return;
    if (state.kind !== 'warm') this.brokeBy(member, nowMs);
    if (state.kind === 'busy') return;
    shelf.failures += 1;
    shelf.breaker.died(member.owner?.tenant, nowMs, reason);
  }

  /** Ends a container on the driver's word; it is there until `gone`. */
  end(member: Member): void {
    if (member.state.kind !== 'stopping' && member.state.kind !== 'gone')
      this.yard.step(member, { kind: 'stop' });
  }

  /** A session's files are saved, or cannot be; its container is there until `gone`. */
  saved(member: Member): void {
    this.yard.saved(member);
  }

  gone(member: Member): void {
    if (member.state.kind !== 'gone') this.yard.step(member, { kind: 'ended' });
  }

  /** The container of a session, in whatever state. */
  ofSession(owner: Pick<Wish, 'tenant' | 'session'>): Member | undefined {
    return this.yard.ofSession(owner);
  }

  /** Keeps no stock any more, and ends what is idle; jobs that are here already are served as before. */
  drain(): void {
    this.planner.isDraining = true;
    for (const shelf of this.shelves) this.yard.changed.add(shelf);
  }

  plan(nowMs: number): readonly PoolAction[] {
    return this.planner.plan(nowMs, false);
  }

  /** The plan when time has passed: to be asked for a few times a second. */
  tick(nowMs: number): readonly PoolAction[] {
    return this.planner.plan(nowMs, true);
  }

  private want({ spec, stock, tools }: PoolWant, nowMs: number): Shelf {
    const shelf = this.yard.shelf(spec, nowMs);
    shelf.stock.min = stock;
    shelf.stock.isRetired = false;
    shelf.isConfigured = true;
    shelf.successor = undefined;
    shelf.tools = new Set(tools);
    for (const tool of shelf.tools) this.shelfOf.set(tool, shelf);
    this.yard.changed.add(shelf);
    return shelf;
  }

  private retire(old: Shelf, heir: Shelf | undefined, nowMs: number): void {
    old.isConfigured = false;
    old.stock.isRetired = true;
    old.stock.min = 0;
    old.rolledFrom = old.target;
    old.successor = heir;
    if (old.elder === heir) old.elder = undefined;
    this.yard.changed.add(old);
    if (heir === undefined) return;
    heir.elder = old;
    heir.stock.inherit(old.stock, nowMs);
    // Until the planner has looked at it: the old stock stays as long as this says that new stock comes.
    heir.target = Math.max(heir.target, old.target);
    // No start of the new image was seen: those of the old one tell more than nothing.
    if (!heir.leads.isKnown) heir.leads.add(old.leads.p95Ms);
  }

  /** The shelf of the wish. One that a tool asks for the first time holds at first what its other one of this shape does. */
  private shelfFor({ spec, tool }: Wish, nowMs: number): Shelf {
    const isNew = this.yard.shelves.size;
    const shelf = this.yard.shelf(spec, nowMs);
    const other = this.shelfOf.get(tool);
    if (other === shelf) return shelf;
    if (this.yard.shelves.size > isNew && other !== undefined && sameShape(other, shelf))
      shelf.stock.inherit(other.stock, nowMs);
    this.shelfOf.set(tool, shelf);
    return shelf;
  }

  private brokeBy({ owner, tool }: Member, nowMs: number): void {
    if (owner !== undefined && tool !== undefined) this.shares.broke(owner.tenant, tool, nowMs);
  }

  private missReason(shelf: Shelf, nowMs: number): MissReason {
    const { yard, policy } = this;
    if (!shelf.breaker.mayStart(nowMs, 0)) return 'breaker';
    if (shelf.target > 0 && shelf.stock.atOnce > shelf.target) return 'burst';
    if (shelf.count('starting') > shelf.demand) return 'starting';
    if (yard.starting >= policy.startsMax) return 'starts';
    return yard.usedMiB + shelf.memoryMiB > policy.budgetMiB ? 'budget' : 'empty';
  }
}
