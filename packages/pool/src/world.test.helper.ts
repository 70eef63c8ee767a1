/**
 * A worker's node as the pool sees it, played by a seed: containers start, serve, break and go in any order. It keeps its own
 * books from what the pool says and what it answers, and compares them with the pool's at every step.
 */
import { poolKeyOf, type JobId, type PoolSpec, type TenantId, type ToolName } from '@zerofleet/model';
import { Pool, type Member, type PoolAction, type PoolPolicy, type Release, type Waiter } from './index.js';

const fail: (what: string) => never = (what) => {
  throw new Error(what);
};

/** Seeded randomness: mulberry32. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number below `n`. */
  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

export const specOf = (image: string, memoryMiB: number): PoolSpec => ({
  image,
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB, pids: 64, workMiB: 16, tmpMiB: 16 },
});

/** What stands for a container in the world's own books. */
interface Real {
  readonly member: Member;
  phase: 'starting' | 'ready' | 'busy' | 'resetting' | 'stopping';
  tenant: TenantId | undefined;
  session: string | undefined;
}

/** A worker's room bounds the jobs that it holds. */
const WAITERS_MAX = 30;

const RELEASES: readonly Release[] = ['again', 'again', 'again', 'keep', 'end', 'broken'];

export class World {
  readonly pool: Pool;
  readonly reals = new Map<Member, Real>();
  readonly waiters = new Set<Waiter>();
  nowMs = 0;
  /** No container of this one's starts. */
  broken: PoolSpec | undefined;
  served = 0;
  refused = 0;
  private readonly dice: Dice;
  private readonly specs: readonly PoolSpec[];
  private jobs = 0;

  constructor(dice: Dice, policy: Partial<PoolPolicy>, specs: readonly PoolSpec[]) {
    this.dice = dice;
    this.specs = specs;
    this.pool = new Pool({ budgetMiB: 1_000, startsMax: 4, ...policy });
  }

  claim(tenant: TenantId, spec: PoolSpec, session: string | undefined, fresh: boolean): void {
    this.jobs += 1;
    const job = `j${this.jobs}` as JobId;
    const tool = `tool_${poolKeyOf(spec).length}` as ToolName;
    const wish = { spec, tenant, job, tool, fresh, ...(session === undefined ? {} : { session }) };
    const answer = this.pool.claim(wish, this.nowMs);
    if (answer.kind === 'waiting') this.waiters.add(answer.waiter);
    else this.give(answer.member, tenant, session);
    this.apply(this.pool.plan(this.nowMs));
  }

  /** Anybody, for anything. */
  claimAny(): void {
    if (this.waiters.size >= WAITERS_MAX) return this.leaveAny();
    const { dice } = this;
    const session = dice.below(3) === 0 ? dice.pick(['s1', 's2']) : undefined;
    const tenant = dice.pick(['t1', 't2', 't3', 't4'] as TenantId[]);
    this.claim(tenant, dice.pick(this.specs), session, dice.below(5) === 0);
  }

  leaveAny(): void {
    const [waiter] = this.waiters;
    if (waiter === undefined) return;
    this.waiters.delete(waiter);
    this.pool.leave(waiter);
    this.apply(this.pool.plan(this.nowMs));
  }

  /** Something that a container was about comes to its end. */
  advance(mayFail: boolean): void {
    const movable = [...this.reals.values()].filter((real) => real.phase !== 'ready');
    const real = movable.length === 0 ? undefined : this.dice.pick(movable);
    const isBroken = real?.phase === 'starting' && real.member.shelf.spec === this.broken;
    if (real !== undefined) this.move(real, isBroken || (mayFail && this.dice.below(6) === 0));
    this.apply(this.pool.plan(this.nowMs));
  }

  /** A container that does nothing dies. */
  dieAny(): void {
    const idle = [...this.reals.values()].filter((real) => real.phase === 'ready');
    if (idle.length > 0) this.die(this.dice.pick(idle), this.dice.below(2) === 0 ? 'died' : 'engine');
    this.apply(this.pool.plan(this.nowMs));
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.apply(this.pool.tick(this.nowMs));
  }

  /** Nothing fails any more and nobody comes: all that goes on comes to its end, for `ms`. */
  settle(ms: number, stepMs = 250): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      for (const real of [...this.reals.values()]) if (real.phase !== 'ready') this.move(real, false);
      this.apply(this.pool.plan(this.nowMs));
      this.pass(stepMs);
    }
  }

  /** The laws that hold at every moment. */
  check(): void {
    const { policy, members, usedMiB } = this.pool;
    let used = 0;
    let starting = 0;
    for (const real of this.reals.values()) {
      used += real.member.memoryMiB;
      if (real.phase === 'starting') starting += 1;
    }
    if (used > policy.budgetMiB || used !== usedMiB) fail(`${used} MiB used, the pool says ${usedMiB}`);
    if (starting > policy.startsMax) fail(`${starting} are starting`);
    if (members.size !== this.reals.size) fail(`${members.size} containers, ${this.reals.size} are there`);
    if (this.waiters.size !== this.pool.waiting) fail(`${this.pool.waiting} wait, not ${this.waiters.size}`);
  }

  private move(real: Real, fails: boolean): void {
    const { member } = real;
    if (real.phase === 'stopping') {
      this.reals.delete(member);
      this.pool.gone(member);
    } else if (real.phase === 'starting' && fails) {
      this.reals.delete(member);
      this.pool.startFailed(member, 'no engine', this.nowMs);
    } else if (fails) this.die(real, real.phase === 'resetting' ? 'reset' : 'died');
    else if (real.phase === 'busy') this.release(real);
    else {
      real.phase = 'ready';
      this.pool.ready(member, this.nowMs);
    }
  }

  private release(real: Real): void {
    const next = this.pool.released(real.member, this.dice.pick(RELEASES), this.nowMs);
    real.phase = next === 'reset' || next === 'keep' ? 'resetting' : 'stopping';
  }

  private die(real: Real, death: 'died' | 'engine' | 'reset'): void {
    real.phase = 'stopping';
    this.pool.died(real.member, death, 'it died', this.nowMs);
  }

  private apply(actions: readonly PoolAction[]): void {
    for (const action of actions) {
      if (action.kind === 'refuse') {
        this.refused += 1;
        if (!this.waiters.delete(action.waiter)) fail('refused to one that does not wait');
      } else if (action.kind === 'give') {
        if (!this.waiters.delete(action.waiter)) fail('given to one that does not wait');
        this.give(action.member, action.waiter.wish.tenant, action.waiter.wish.session);
      } else if (action.kind === 'start') {
        const { member } = action;
        this.reals.set(member, { member, phase: 'starting', tenant: undefined, session: undefined });
      } else this.stop(action);
    }
    this.check();
  }

  private stop({ member, why, session }: Extract<PoolAction, { kind: 'stop' }>): void {
    const real = this.reals.get(member);
    if (real?.phase !== 'ready') fail(`stopped for ${why} while ${real?.phase ?? 'gone'}`);
    if (session !== real.session) fail(`${session ?? 'nothing'} to be saved of ${real.session ?? 'nobody'}`);
    real.phase = 'stopping';
    const saving = [...this.reals.values()].filter(
      (one) => one.phase === 'stopping' && one.member.saving,
    ).length;
    if (saving > this.pool.policy.savesMax) fail(`${saving} are saved at once`);
    const isIdle = (one: Real): boolean =>
      one.phase === 'ready' && one.tenant !== undefined && one.session === undefined;
    if (session !== undefined && why === 'room' && [...this.reals.values()].some(isIdle))
      fail('a parked session went before an idle container');
  }

  private give(member: Member, tenant: TenantId, session: string | undefined): void {
    const real = this.reals.get(member);
    if (real?.phase !== 'ready') fail(`given while ${real?.phase ?? 'gone'}`);
    if (real.tenant !== undefined && real.tenant !== tenant) fail(`${real.tenant}'s given to ${tenant}`);
    if (real.session !== undefined && real.session !== session) fail(`${real.session}'s given to another`);
    this.served += 1;
    Object.assign(real, { phase: 'busy', tenant, session });
    if (session === undefined) return;
    const same = [...this.reals.values()].filter((one) => one.tenant === tenant && one.session === session);
    if (same.length > 1) fail(`${session} of ${tenant} has ${same.length} containers`);
  }
}
