/**
 * The worker's containers: applies the pool's plan, hands containers to jobs, takes them back. What to do is decided by
 * @zerofleet/pool; here it is done.
 *
 * D1  After each event the plan is asked for and applied, in the same turn: nothing is claimed in between.
 * D2  A waiting job gets a container as soon as one fits, in the order they came; or hears why not; or leaves by its `signal`.
 * D3  A parked container ends only after `onEvict` has had its chance to save the files, for EVICT_WITHIN_MS at most.
 * D4  A container that ended by itself is never given to a job, and holds its memory until it is gone.
 */
import type { PoolSpec, TenantId } from '@zerofleet/model';
import {
  Pool,
  type Death,
  type Member,
  type PoolAction,
  type PoolSettings,
  type PoolWant,
  type Release,
  type Waiter,
} from '@zerofleet/pool';
import { every, type Cancel, type Clock, type Logger } from '@zerofleet/runtime';
import type { ToolEngine } from '../engine/tool-engine.js';
import { RunnerLink, type Ended } from '../runner/runner-link.js';
import type { Claim, ClaimRequest, Slot } from './claim.js';
import { countsOf, imagesOf, type ImageUse, type PoolCounts } from './pool-counts.js';
import type { PoolMetrics } from './pool-metrics.js';

export interface PoolDriverOptions {
  readonly engine: ToolEngine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: PoolSettings;
  /** Pools that are known from the start; others join when a job asks for them. */
  readonly stocks: readonly PoolWant[];
  readonly metrics: PoolMetrics;
  /** Why no container of a pool can ever start on this node; its jobs hear of it at once. */
  readonly unable?: (spec: PoolSpec) => string | undefined;
  /** The counts of some pool changed. */
  readonly onChange: () => void;
  /** Tells a container that its session stays; settles with why it cannot, or undefined. Without it none is kept. */
  readonly park?: (slot: Slot) => Promise<Ended | undefined>;
  /** The container of a tenant's session is about to end: its link is there until the promise settles. */
  readonly onEvict?: (slot: Slot, session: string, tenant: TenantId) => Promise<void>;
}

const TICK_MS = 250;
/** A runner that does not greet within this is destroyed, in ms. */
const GREET_WITHIN_MS = 20_000;
/** A reset that takes longer ends the container, in ms. */
const RESET_WITHIN_MS = 5_000;
/** A session's files are saved within this, or lost, in ms. */
const EVICT_WITHIN_MS = 20_000;

export class PoolDriver {
  private readonly options: PoolDriverOptions;
  private readonly pool: Pool;
  private readonly slots = new Map<Member, Slot>();
  private readonly waiters = new Map<Waiter, (claim: Claim) => void>();
  private isClosed = false;
  /** Starts under way, and parked containers that are being saved. */
  private readonly opening = new Set<Promise<void>>();
  private readonly saving = new Map<Member, Promise<void>>();
  /** Containers that come back from their jobs. */
  private readonly releasing = new Set<Promise<void>>();
  private stopTick: Cancel = () => undefined;

  constructor(options: PoolDriverOptions) {
    this.options = options;
    this.pool = new Pool(options.policy);
    this.pool.configure(options.stocks, this.nowMs);
  }

  start(): void {
    this.stopTick = every(this.options.clock, TICK_MS, () => this.apply(this.pool.tick(this.nowMs)));
    this.pump();
  }

  /** Says which pools there are to be from now on: an image that takes another's place is stocked before the other's goes. */
  configure(stocks: readonly PoolWant[]): void {
    this.pool.configure(stocks, this.nowMs);
    this.pump();
  }

  /** Keeps no stock any more, and saves and ends what is parked; jobs that are here already are served. */
  drain(): void {
    this.pool.drain();
    this.pump();
  }

  /** Ends every container, also those that are just starting; resolves once they are gone and sessions are saved. */
  async close(): Promise<void> {
    this.drain();
    for (const waiter of [...this.waiters.keys()]) this.leave(waiter);
    // A session's container that is just being parked has files to save too.
    await Promise.all(this.releasing);
    // Each save that ends makes room for the next one.
    while (this.saving.size > 0) await Promise.race(this.saving.values());
    this.isClosed = true;
    this.options.engine.close?.();
    this.stopTick();
    await Promise.all([...this.slots.values()].map(({ link }) => link.destroy()));
    await Promise.all(this.opening);
  }

  /** A container for a job, when there is one (D2). */
  claim(request: ClaimRequest): Promise<Claim> {
    const { signal } = request;
    if (this.isClosed || signal.aborted) return Promise.resolve({ kind: 'aborted' });
    const reason = this.options.unable?.(request.spec);
    if (reason !== undefined) return Promise.resolve({ kind: 'failed', reason });
    const answer = this.pool.claim(request, this.nowMs);
    if (answer.kind === 'given') {
      const claim = this.claimed(answer.member, answer.how);
      this.pump();
      return Promise.resolve(claim);
    }
    this.options.metrics.missed(answer.why);
    return new Promise((resolve) => {
      const leave = (): void => this.leave(answer.waiter);
      signal.addEventListener('abort', leave, { once: true });
      this.waiters.set(answer.waiter, (claim) => {
        signal.removeEventListener('abort', leave);
        resolve(claim);
      });
      this.pump();
    });
  }

  /** Takes a container back after its job. One that a session took is destroyed unless it is kept. */
  release(slot: Slot, what: Release): Promise<void> {
    const releasing = this.takeBack(slot, what).finally(() => this.releasing.delete(releasing));
    this.releasing.add(releasing);
    return releasing;
  }

  private async takeBack(slot: Slot, what: Release): Promise<void> {
    const member = this.memberOf(slot);
    if (member?.state.kind !== 'busy') return;
    const { clock, metrics, park } = this.options;
    const isKept = what === 'keep' && park !== undefined && !this.isClosed;
    const next = this.pool.released(member, what === 'keep' && !isKept ? 'end' : what, this.nowMs);
    if (next === 'end' || next === 'worn') {
      if (next === 'worn') metrics.ended('uses');
      void slot.link.destroy();
      return this.changed();
    }
    this.changed();
    const late = clock.after(
      RESET_WITHIN_MS,
      () => void slot.link.destroy('gone', 'it was not ready again in time'),
    );
    const ended = await (next === 'keep' && park !== undefined ? park(slot) : slot.link.reset());
    late();
    // The link may have ended right behind its READY.
    if (ended === undefined && this.memberOf(slot)?.state.kind === 'resetting')
      this.pool.ready(member, this.nowMs);
    else {
      this.died(member, 'reset', ended);
      void slot.link.destroy();
    }
    this.changed();
  }

  /** Ends the container of a session that is over; its files are not saved. `busy`: it runs a call, and goes on. */
  endSession(tenant: TenantId, session: string): 'done' | 'busy' {
    const member = this.pool.ofSession({ tenant, session });
    if (member === undefined) return 'done';
    if (isServing(member)) return 'busy';
    this.pool.end(member);
    void this.slots.get(member)?.link.destroy();
    this.changed();
    return 'done';
  }

  /** Ends the container of a session after its files are saved, and waits for that. `busy`: it runs a call, and goes on. */
  async evictSession(tenant: TenantId, session: string): Promise<'done' | 'busy'> {
    const member = this.pool.ofSession({ tenant, session });
    if (member === undefined) return 'done';
    if (isServing(member)) return 'busy';
    if (member.state.kind === 'idle') {
      this.pool.end(member);
      this.evict({ kind: 'stop', member, why: 'moved', session });
    }
    await this.saving.get(member);
    return 'done';
  }

  counts(): PoolCounts[] {
    return countsOf(this.pool, this.nowMs);
  }

  /** The images that pools ask for or use, and those that they did, the most wanted first. */
  images(): ImageUse[] {
    return imagesOf(this.pool);
  }

  /** Memory of all containers, in MiB. */
  get usedMiB(): number {
    return this.pool.usedMiB;
  }

  /** Why containers of some pool fail; undefined when none is in trouble. */
  get trouble(): string | undefined {
    for (const { breaker } of this.pool.shelves) if (breaker.reason !== undefined) return breaker.reason;
    return undefined;
  }

  private get nowMs(): number {
    return this.options.clock.nowMs();
  }

  private memberOf(slot: Slot): Member | undefined {
    return this.pool.members.get(slot.id);
  }

  private claimed(member: Member, how: Extract<Claim, { kind: 'claimed' }>['how']): Claim {
    const slot = this.slots.get(member);
    if (slot === undefined) throw new Error(`container ${member.id} has no link`);
    this.options.metrics.claimed(how);
    return { kind: 'claimed', slot, how };
  }

  private leave(waiter: Waiter): void {
    this.pool.leave(waiter);
    this.settle(waiter, { kind: 'aborted' });
    this.pump();
  }

  private settle(waiter: Waiter, claim: Claim): void {
    const settle = this.waiters.get(waiter);
    this.waiters.delete(waiter);
    settle?.(claim);
  }

  private changed(): void {
    this.options.onChange();
    this.pump();
  }

  private pump(): void {
    if (!this.isClosed) this.apply(this.pool.plan(this.nowMs));
  }

  private apply(actions: readonly PoolAction[]): void {
    for (const action of actions) {
      if (action.kind === 'start') this.begin(action.member);
      else if (action.kind === 'stop') this.evict(action);
      else if (action.kind === 'refuse')
        this.settle(action.waiter, { kind: 'failed', reason: action.reason });
      else {
        const how = action.how === 'session' ? 'session' : 'cold';
        this.settle(action.waiter, this.claimed(action.member, how));
      }
    }
    if (actions.length > 0) this.options.onChange();
  }

  private begin(member: Member): void {
    const opening = this.open(member).finally(() => this.opening.delete(opening));
    this.opening.add(opening);
  }

  private async open(member: Member): Promise<void> {
    const { clock, log, metrics } = this.options;
    try {
      const link = await this.greeted(member.shelf.spec);
      this.slots.set(member, { id: member.id, spec: member.shelf.spec, link });
      this.pool.ready(member, clock.nowMs());
      metrics.started(clock.nowMs() - member.bornMs);
      link.onEnd(() => this.onLinkEnd(member, link));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.pool.startFailed(member, reason, clock.nowMs());
      if (!this.isClosed) {
        metrics.startFailed();
        log.warn({ pool: member.key, reason }, 'container_start_failed');
      }
    }
    this.changed();
  }

  /** A link that is ready for a job. Throws why there is none; nothing is left of it then. */
  private async greeted(spec: PoolSpec): Promise<RunnerLink> {
    const { clock, engine } = this.options;
    const link = new RunnerLink(await engine.open(spec));
    const late = clock.after(
      GREET_WITHIN_MS,
      () => void link.destroy('gone', 'the runner did not greet in time'),
    );
    const ended = await link.greeted;
    late();
    if (ended === undefined && !this.isClosed) return link;
    await link.destroy();
    throw new Error(ended?.reason ?? 'the worker stops');
  }

  private onLinkEnd(member: Member, link: RunnerLink): void {
    this.died(member, 'died', link.ended);
    this.changed();
    void link.destroy().finally(() => {
      this.slots.delete(member);
      this.pool.gone(member);
      this.changed();
    });
  }

  private died(member: Member, death: Death, ended: Ended | undefined): void {
    const why = ended?.why === 'engine_lost' ? 'engine' : death;
    this.pool.died(member, why, ended?.reason ?? 'it was not ready again', this.nowMs);
  }

  /** Ends an idle container; a parked one after its files are saved (D3). */
  private evict({ member, why, session }: Extract<PoolAction, { kind: 'stop' }>): void {
    const slot = this.slots.get(member);
    this.options.metrics.ended(why);
    if (slot === undefined) return;
    const { clock, log, onEvict } = this.options;
    const tenant = member.owner?.tenant;
    if (session === undefined || tenant === undefined || onEvict === undefined)
      return void slot.link.destroy();
    const late = clock.after(EVICT_WITHIN_MS, () => void slot.link.destroy('gone', 'the save took too long'));
    // Whatever hangs in it, the container's end ends the waiting.
    const over = new Promise<void>((resolve) => slot.link.onEnd(resolve));
    const saved = onEvict(slot, session, tenant).catch((error: unknown) =>
      log.warn({ session, error: String(error) }, 'session_not_saved'),
    );
    const saving = Promise.race([saved, over]).finally(() => {
      late();
      void slot.link.destroy();
      this.pool.saved(member);
      // The next one's turn, before `close` looks whether there is any.
      this.pump();
      this.saving.delete(member);
    });
    this.saving.set(member, saving);
  }
}

const isServing = ({ state }: Member): boolean => state.kind === 'busy' || state.kind === 'resetting';
