/**
 * The worker's containers: applies the pool's plan, hands containers to jobs, takes them back.
 *
 * D1  The state of a container changes only through transitionContainer, so one that a tenant claimed never serves another.
 * D2  A waiting job gets a container in the order it came, as soon as one fits; it leaves by its own `signal`.
 * D3  After FAILURES_MAX failed starts in a row, jobs that wait for that pool hear of it instead of waiting on.
 * D4  A session has one container here at most: its next job waits while that one is not ready, or is being saved.
 * D5  A parked container ends only after `onEvict` has had its chance to save the files, for EVICT_WITHIN_MS at most.
 */
import {
  poolKeyOf,
  transitionContainer,
  type ContainerEvent,
  type ContainerState,
  type JobId,
  type PoolSpec,
  type TenantId,
  type ToolName,
} from '@zerofleet/model';
import {
  chooseContainer,
  planPool,
  type PoolContainer,
  type PoolPolicy,
  type PoolTarget,
} from '@zerofleet/pool';
import { every, type Cancel, type Clock, type Logger } from '@zerofleet/runtime';
import type { ToolEngine } from '../engine/tool-engine.js';
import { RunnerLink } from '../runner/runner-link.js';
import type { PoolMetrics } from './pool-metrics.js';

/** A container with its link. */
export interface Slot {
  readonly id: string;
  readonly spec: PoolSpec;
  readonly link: RunnerLink;
}

/** What a job asks of the pool. */
export interface ClaimRequest {
  readonly spec: PoolSpec;
  readonly tenant: TenantId;
  readonly job: JobId;
  /** The tool that the job calls. */
  readonly tool: ToolName;
  /** The session whose container it wants; the container is that session's from then on. */
  readonly session?: string;
  /** It takes no container that ran a job before. */
  readonly fresh?: boolean;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/**
 * How a container was found. `session`: parked for it, with its files and shells; with any other, what the session had is not
 * in it. `reused`: the tenant's own, wiped; `warm`: from stock; `cold`: the job waited for it.
 */
export type ClaimHow = 'session' | 'reused' | 'warm' | 'cold';

export type Claim =
  | { readonly kind: 'claimed'; readonly slot: Slot; readonly how: ClaimHow }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'aborted' };

/**
 * What becomes of a container after its job. `again`: it is wiped for the tenant's next one; `keep`: it is parked for its
 * session; `end`: it is destroyed; `broken`: destroyed too, because the job left it in a state that nobody knows.
 */
export type Release = 'again' | 'keep' | 'end' | 'broken';

interface Entry extends PoolContainer {
  state: ContainerState;
  readonly spec: PoolSpec;
  slot: Slot | undefined;
}

interface Target extends PoolTarget {
  failures: number;
  failedAtMs: number;
  lastError: string;
}

interface Waiter {
  readonly key: string;
  readonly request: ClaimRequest;
  readonly settle: (claim: Claim) => void;
}

export interface PoolDriverOptions {
  readonly engine: ToolEngine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: PoolPolicy;
  /** Pools with their stock, known from the start; others join when a job asks for them, without stock. */
  readonly stocks: readonly { readonly spec: PoolSpec; readonly stock: number }[];
  readonly metrics: PoolMetrics;
  /** The counts of some pool changed. */
  readonly onChange: () => void;
  /** Tells a container that its session stays; settles with why it cannot, or undefined. Without it none is kept. */
  readonly park?: (slot: Slot) => Promise<unknown>;
  /** A parked container is about to end: its link is there until the promise settles. */
  readonly onEvict?: (
    of: { readonly tenant: TenantId; readonly session: string },
    slot: Slot,
  ) => Promise<void>;
}

const FAILURES_MAX = 5;
const TICK_MS = 1_000;
/** A runner that does not greet within this is destroyed, in ms. */
const GREET_WITHIN_MS = 20_000;
/** A reset that takes longer ends the container, in ms. */
const RESET_WITHIN_MS = 5_000;
/** A session's files are saved within this, or lost, in ms. */
const EVICT_WITHIN_MS = 20_000;

/** Containers of one pool by what they are doing. */
export interface PoolCounts {
  readonly key: string;
  readonly target: number;
  readonly starting: number;
  readonly warm: number;
  readonly busy: number;
  readonly idle: number;
}

export class PoolDriver {
  private readonly options: PoolDriverOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly targets = new Map<string, Target>();
  /** The container of a session, by tenant and session. */
  private readonly sessions = new Map<string, Entry>();
  private waiters: Waiter[] = [];
  private made = 0;
  private draining = false;
  private closed = false;
  /** Parked containers that are being saved, by their ids. */
  private readonly evicting = new Map<string, Promise<void>>();
  /** Starts under way. */
  private readonly opening = new Set<Promise<void>>();
  private stopTick: Cancel = () => undefined;

  constructor(options: PoolDriverOptions) {
    this.options = options;
    for (const { spec, stock } of options.stocks) this.addTarget(spec, stock);
  }

  start(): void {
    this.stopTick = every(this.options.clock, TICK_MS, () => this.pump());
    this.pump();
  }

  /** Starts nothing more for stock: only what jobs that are here already wait for. */
  drain(): void {
    this.draining = true;
  }

  /** Ends every container, also those that are just starting; resolves once they are gone. */
  async close(): Promise<void> {
    this.closed = true;
    this.stopTick();
    for (const waiter of this.waiters.splice(0)) waiter.settle({ kind: 'aborted' });
    const links = [...this.entries.values()].flatMap((entry) => entry.slot?.link ?? []);
    await Promise.all(links.map((link) => link.destroy()));
    await Promise.all(this.opening);
  }

  /** A container for a job, when there is one (D2). */
  claim(request: ClaimRequest): Promise<Claim> {
    const { spec, signal } = request;
    const key = poolKeyOf(spec);
    if (!this.targets.has(key)) this.addTarget(spec, 0);
    const now = this.take(key, request);
    if (now !== undefined) {
      this.options.metrics.claimed(now.how);
      this.pump();
      return Promise.resolve(now);
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        key,
        request,
        settle: (claim) => {
          signal.removeEventListener('abort', leave);
          if (claim.kind !== 'claimed') return resolve(claim);
          const how = claim.how === 'session' ? 'session' : 'cold';
          this.options.metrics.claimed(how);
          resolve({ ...claim, how });
        },
      };
      const leave = (): void => {
        this.waiters = this.waiters.filter((one) => one !== waiter);
        resolve({ kind: 'aborted' });
      };
      if (this.closed || signal.aborted) return resolve({ kind: 'aborted' });
      signal.addEventListener('abort', leave, { once: true });
      this.waiters.push(waiter);
      this.pump();
    });
  }

  /** Takes a container back after its job. One that a session took is destroyed unless it is kept. */
  async release(slot: Slot, what: Release): Promise<void> {
    const entry = this.entries.get(slot.id);
    if (entry?.state.kind !== 'busy') return;
    const { park } = this.options;
    const wipe = what === 'again' && entry.state.session === undefined;
    const keep = what === 'keep' && entry.state.session !== undefined && park !== undefined;
    if ((!wipe && !keep) || this.closed) {
      this.end(entry);
      return;
    }
    this.step(entry, { kind: 'released' });
    const late = this.options.clock.after(
      RESET_WITHIN_MS,
      () => void slot.link.destroy('gone', 'the reset took too long'),
    );
    const ended = await (keep ? park(slot) : slot.link.reset());
    late();
    // The link may have ended right behind its READY.
    if (this.entries.get(slot.id)?.state.kind !== 'resetting') return;
    if (ended !== undefined) return this.end(entry);
    this.step(entry, { kind: 'ready', atMs: this.options.clock.nowMs() });
    this.pump();
  }

  /** Ends the container of a session that is over; its files are not saved. `busy`: it runs a call, and goes on. */
  endSession(tenant: TenantId, session: string): 'done' | 'busy' {
    const entry = this.sessionEntry(tenant, session);
    if (entry === undefined) return 'done';
    if (entry.state.kind === 'busy' || entry.state.kind === 'resetting') return 'busy';
    this.end(entry);
    return 'done';
  }

  /** Ends the container of a session after its files are saved, and waits for that. `busy`: it runs a call, and goes on. */
  async evictSession(tenant: TenantId, session: string): Promise<'done' | 'busy'> {
    const entry = this.sessionEntry(tenant, session);
    if (entry === undefined) return 'done';
    if (entry.state.kind === 'busy' || entry.state.kind === 'resetting') return 'busy';
    this.evict(entry);
    await this.evicting.get(entry.id);
    return 'done';
  }

  counts(): PoolCounts[] {
    return [...this.targets.values()].map(({ key, stock }) => {
      const of = (kind: ContainerState['kind']): number =>
        [...this.entries.values()].filter((entry) => entry.key === key && entry.state.kind === kind).length;
      return {
        key,
        target: stock,
        starting: of('starting'),
        warm: of('warm'),
        busy: of('busy') + of('resetting'),
        idle: of('idle'),
      };
    });
  }

  /** Why the last starts of a pool failed; undefined when none is in trouble. */
  get trouble(): string | undefined {
    return [...this.targets.values()].find((target) => target.failures > 0)?.lastError;
  }

  private addTarget(spec: PoolSpec, stock: number): void {
    const key = poolKeyOf(spec);
    this.targets.set(key, { key, spec, stock, failures: 0, failedAtMs: 0, lastError: '' });
  }

  private take(key: string, request: ClaimRequest): Extract<Claim, { kind: 'claimed' }> | undefined {
    const { tenant, session, job, fresh } = request;
    const own = session === undefined ? undefined : this.sessionEntry(tenant, session);
    // Its files follow it to a container of the other kind.
    if (own?.state.kind === 'idle' && own.key !== key) this.evict(own);
    if (own !== undefined && (own.state.kind !== 'idle' || own.key !== key)) return undefined;
    const owner = session === undefined ? { tenant } : { tenant, session };
    const choice = chooseContainer(this.entries.values(), { key, ...owner, fresh: fresh === true });
    if (choice.kind === 'cold') return undefined;
    const entry = this.entries.get(choice.container.id);
    if (entry?.slot === undefined) return undefined;
    this.step(entry, { kind: 'claimed', ...owner, job });
    if (session !== undefined) this.sessions.set(sessionKey(tenant, session), entry);
    return { kind: 'claimed', slot: entry.slot, how: choice.kind };
  }

  /** The container that a session has, until it is gone. */
  private sessionEntry(tenant: TenantId, session: string): Entry | undefined {
    const entry = this.sessions.get(sessionKey(tenant, session));
    return entry !== undefined && this.entries.get(entry.id) === entry ? entry : undefined;
  }

  /** Serves who waits, then does what the plan says. */
  private pump(): void {
    if (this.closed) return;
    this.waiters = this.waiters.filter((waiter) => {
      const claim = this.take(waiter.key, waiter.request);
      if (claim !== undefined) waiter.settle(claim);
      return claim === undefined;
    });
    const actions = planPool({
      containers: [...this.entries.values()],
      targets: this.draining
        ? [...this.targets.values()].map((target) => ({ ...target, stock: 0 }))
        : [...this.targets.values()],
      waiting: this.waiters.flatMap(({ key, request: { tenant, session } }) =>
        session !== undefined && this.sessionEntry(tenant, session) !== undefined ? [] : [{ key, tenant }],
      ),
      policy: this.options.policy,
      nowMs: this.options.clock.nowMs(),
    });
    for (const action of actions) {
      if (action.kind === 'start') this.begin(action.key);
      else {
        const entry = this.entries.get(action.id);
        if (entry !== undefined) this.evict(entry);
      }
    }
  }

  private begin(key: string): void {
    const opening = this.open(key).finally(() => this.opening.delete(opening));
    this.opening.add(opening);
  }

  private async open(key: string): Promise<void> {
    const target = this.targets.get(key);
    if (target === undefined) return;
    this.made += 1;
    const { clock, metrics } = this.options;
    const entry: Entry = {
      id: `c${this.made}`,
      key,
      spec: target.spec,
      memoryMiB: target.spec.resources.memoryMiB,
      bornMs: clock.nowMs(),
      state: { kind: 'starting' },
      slot: undefined,
    };
    this.entries.set(entry.id, entry);
    try {
      await this.greet(entry);
      target.failures = 0;
      metrics.started(clock.nowMs() - entry.bornMs);
    } catch (error) {
      this.entries.delete(entry.id);
      this.startFailed(target, entry.bornMs, error instanceof Error ? error.message : String(error));
    }
    this.options.onChange();
    this.pump();
  }

  private async greet(entry: Entry): Promise<void> {
    const { clock, engine } = this.options;
    const link = new RunnerLink(await engine.open(entry.spec));
    const late = clock.after(
      GREET_WITHIN_MS,
      () => void link.destroy('gone', 'the runner did not greet in time'),
    );
    const ended = await link.greeted;
    late();
    if (ended !== undefined || this.closed) {
      await link.destroy();
      throw new Error(ended?.reason ?? 'the worker stops');
    }
    entry.slot = { id: entry.id, spec: entry.spec, link };
    link.onEnd(() => this.onLinkEnd(entry, link));
    if (this.entries.has(entry.id)) this.step(entry, { kind: 'ready', atMs: clock.nowMs() });
  }

  /** Starts that were under way together fail together: they count once. */
  private startFailed(target: Target, bornMs: number, reason: string): void {
    if (this.closed) return;
    if (target.failures === 0 || bornMs > target.failedAtMs) target.failures += 1;
    target.failedAtMs = this.options.clock.nowMs();
    target.lastError = reason;
    this.options.metrics.startFailed();
    this.options.log.warn({ pool: target.key, failures: target.failures, reason }, 'container_start_failed');
    if (target.failures < FAILURES_MAX) return;
    this.waiters = this.waiters.filter((waiter) => {
      if (waiter.key !== target.key) return true;
      waiter.settle({ kind: 'failed', reason });
      return false;
    });
  }

  private onLinkEnd(entry: Entry, link: RunnerLink): void {
    if (this.entries.has(entry.id) && entry.state.kind !== 'stopping') this.step(entry, { kind: 'stop' });
    void link.destroy().finally(() => {
      this.entries.delete(entry.id);
      for (const [key, one] of this.sessions) if (one === entry) this.sessions.delete(key);
      this.options.onChange();
      this.pump();
    });
  }

  /** Ends an idle container; a parked one after its files are saved (D5). */
  private evict(entry: Entry): void {
    const { slot, state } = entry;
    const { clock, log, onEvict } = this.options;
    if (state.kind !== 'idle' || state.session === undefined || slot === undefined || onEvict === undefined)
      return this.end(entry);
    const { tenant, session } = state;
    this.step(entry, { kind: 'stop' });
    const late = clock.after(EVICT_WITHIN_MS, () => void slot.link.destroy('gone', 'the save took too long'));
    const saving = onEvict({ tenant, session }, slot)
      .catch((error: unknown) => log.warn({ session, error: String(error) }, 'session_not_saved'))
      .finally(() => {
        late();
        this.evicting.delete(entry.id);
        void slot.link.destroy();
      });
    this.evicting.set(entry.id, saving);
  }

  /** Stops a container; it holds its memory until it is gone. */
  private end(entry: Entry): void {
    if (entry.state.kind === 'stopping') return;
    this.step(entry, { kind: 'stop' });
    void entry.slot?.link.destroy();
  }

  private step(entry: Entry, event: ContainerEvent): void {
    entry.state = transitionContainer(entry.state, event);
    this.options.onChange();
  }
}

const sessionKey = (tenant: TenantId, session: string): string => `${tenant}/${session}`;
