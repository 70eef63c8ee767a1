/**
 * What the pool should do now. Called after every event: it looks at what changed since, and at who waits, not at all there is.
 *
 * L1  Memory of every container that is not gone never exceeds the budget.
 * L2  At most `startsMax` containers start at once. A start that a job waits for goes before all stock; stock leaves one
 *     start free, and half of them while jobs wait.
 * L3  A busy, resetting or starting container is never stopped by the plan.
 * L4  A job that came before another is never kept from memory by the other: who comes later starts nothing while the
 *     first one waits for memory. Jobs of a pool that rests, or of a tool that breaks its containers, hold up nobody.
 * L5  Parked sessions end last, `savesMax` at once.
 */
import { choose, type Found } from './choose.js';
import type { PoolPolicy } from './policy.js';
import type { Queue, Waiter } from './queue.js';
import { Refill } from './refill.js';
import type { BreakShares } from './shares.js';
import type { Member, Shelf } from './shelf.js';
import { sweep } from './sweep.js';
import { cheapest, freeableMiB } from './worth.js';
import type { Yard } from './yard.js';

/**
 * Why the plan ends a container. `idle`, `age`: it has served its time; `surplus`: more stand ready than are wanted; `room`:
 * a job needs its memory; `stock`: more useful stock does; `moved`: its session goes on in another pool; `rolled`: its
 * tools have another image; `drain`: the worker stops.
 */
export type StopWhy = 'idle' | 'age' | 'surplus' | 'room' | 'stock' | 'moved' | 'rolled' | 'drain';

export type PoolAction =
  | { readonly kind: 'start'; readonly member: Member }
  /** `session`: its files are to be saved first. */
  | { readonly kind: 'stop'; readonly member: Member; readonly why: StopWhy; readonly session?: string }
  | { readonly kind: 'give'; readonly waiter: Waiter; readonly member: Member; readonly how: Found }
  | { readonly kind: 'refuse'; readonly waiter: Waiter; readonly reason: string };

export interface PlannerParts {
  readonly yard: Yard;
  readonly queue: Queue;
  readonly shares: BreakShares;
  readonly policy: PoolPolicy;
}

export class Planner {
  isDraining = false;
  private readonly parts: PlannerParts;
  private readonly refill: Refill;
  private actions: PoolAction[] = [];
  private nowMs = 0;

  constructor(parts: PlannerParts) {
    this.parts = parts;
    this.refill = new Refill(parts, {
      start: (shelf, queuedMs) => this.start(shelf, queuedMs),
      stop: (member, why) => this.stop(member, why),
    });
  }

  /** `isTick`: time has passed; what depends on time alone is looked at too. */
  plan(nowMs: number, isTick: boolean): readonly PoolAction[] {
    const { yard, queue } = this.parts;
    this.nowMs = nowMs;
    this.actions = [];
    if (queue.size > 0) this.serve();
    if (this.isDraining) this.drain();
    else if (isTick) sweep(this.parts, nowMs, (member, why) => this.stop(member, why));
    const waits = queue.size === 0 ? 'none' : this.startForJobs();
    for (const shelf of yard.changed) {
      yard.changed.delete(shelf);
      this.refill.look(shelf, nowMs, this.isDraining);
    }
    if (waits !== 'unserved') this.refill.run(nowMs, waits === 'starting', isTick);
    return this.actions;
  }

  /** Ends an idle or warm container; or leaves a parked one until there is a hand free to save it. */
  stop(member: Member, why: StopWhy): boolean {
    const { yard, policy } = this.parts;
    const { state } = member;
    const session = state.kind === 'idle' ? state.session : undefined;
    if (session !== undefined && yard.saving >= policy.savesMax) return false;
    if (state.kind === 'idle' && session === undefined)
      member.shelf.reuse.seen(this.nowMs - state.sinceMs, false);
    yard.step(member, { kind: 'stop' });
    if (session !== undefined) {
      member.saving = true;
      yard.saving += 1;
    }
    this.actions.push({ kind: 'stop', member, why, ...(session === undefined ? {} : { session }) });
    return true;
  }

  /** Gives whoever waits what there is. */
  private serve(): void {
    const { yard, queue, shares, policy } = this.parts;
    for (const waiter of queue) {
      const { wish, shelf } = waiter;
      const choice = choose(yard, shares, shelf, wish, this.nowMs);
      if (choice.kind === 'take') {
        this.leave(waiter);
        yard.claim(choice.member, wish, choice.how === 'session' ? 'session' : 'cold', this.nowMs);
        this.actions.push({ kind: 'give', waiter, member: choice.member, how: choice.how });
      } else if (choice.kind === 'own') {
        if (choice.member.state.kind === 'idle') this.stop(choice.member, 'moved');
      } else if (shelf.memoryMiB > policy.budgetMiB) {
        this.refuse(waiter, `it needs ${shelf.memoryMiB} MiB, the worker has ${policy.budgetMiB}`);
      } else if (shelf.breaker.state(this.nowMs) === 'open') {
        this.refuse(waiter, shelf.breaker.reason ?? 'its containers fail');
      }
    }
  }

  /** The job waits no more. */
  leave(waiter: Waiter): void {
    const { queue, yard } = this.parts;
    if (!queue.delete(waiter)) return;
    // Counted again as long as others wait for it.
    waiter.shelf.demand = 0;
    yard.changed.add(waiter.shelf);
  }

  private refuse(waiter: Waiter, reason: string): void {
    this.leave(waiter);
    this.actions.push({ kind: 'refuse', waiter, reason });
  }

  /** `unserved`: a job needs a start that it cannot have yet; `starting`: all that need one have theirs on its way. */
  private startForJobs(): 'none' | 'starting' | 'unserved' {
    const { yard, queue, shares, policy } = this.parts;
    let waits: 'none' | 'starting' = 'none';
    for (const { shelf } of queue) shelf.demand = 0;
    for (const { shelf, wish } of queue) {
      if (choose(yard, shares, shelf, wish, this.nowMs).kind !== 'start') continue;
      shelf.demand += 1;
      const starting = shelf.count('starting');
      if (shelf.demand > starting) {
        if (!shelf.breaker.mayStart(this.nowMs, starting)) continue;
        if (yard.starting >= policy.startsMax) return 'unserved';
        if (!this.hasRoom(shelf)) return 'unserved';
        this.start(shelf, 0);
      }
      waits = 'starting';
    }
    return waits;
  }

  /** Whether a container of the shelf fits in; if not, makes room where that helps. */
  private hasRoom(shelf: Shelf): boolean {
    const { yard, policy } = this.parts;
    const missing = yard.usedMiB + shelf.memoryMiB - policy.budgetMiB;
    if (missing <= 0) return true;
    // Ending some would not help while busy ones hold the rest.
    if (freeableMiB(yard) < missing) return false;
    while (yard.leavingMiB < missing) {
      const victim = cheapest(yard, Infinity, this.nowMs) ?? first(yard.parked);
      if (victim === undefined || !this.stop(victim, 'room')) return false;
    }
    return false;
  }

  private start(shelf: Shelf, queuedMs: number): void {
    this.actions.push({ kind: 'start', member: this.parts.yard.add(shelf, queuedMs, this.nowMs) });
  }

  private drain(): void {
    const { yard } = this.parts;
    for (const shelf of yard.shelves.values()) {
      for (const member of shelf.idle) this.stop(member, 'drain');
      for (const member of shelf.warm) this.stop(member, 'drain');
    }
    for (const member of yard.parked) if (!this.stop(member, 'drain')) return;
  }
}

const first = (members: Iterable<Member>): Member | undefined => {
  for (const member of members) return member;
  return undefined;
};
