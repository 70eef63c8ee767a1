/**
 * The containers of one pool key, by what they do: what a claim needs is at hand without a search.
 *
 * F1  A container is in exactly the lists that its state says; only `place` and `lift` change them, both called by Yard.
 */
import type { ContainerOwner, ContainerState, PoolSpec, TenantId, ToolName } from '@zerofleet/model';
import { Breaker } from './breaker.js';
import type { PoolPolicy } from './policy.js';
import { Reuse } from './reuse.js';
import { StartTimes } from './start-times.js';
import { Stock } from './stock.js';

/** A container as the pool sees it. */
export interface PoolContainer {
  readonly id: string;
  readonly key: string;
  readonly memoryMiB: number;
  readonly state: ContainerState;
  readonly bornMs: number;
}

/**
 * Why a job has to wait. `empty`: none stands ready; `starting`: some are on their way; `burst`: more jobs came at once than
 * stand ready; `starts`: as many as may are starting; `budget`: no memory is left; `breaker`: starts of the pool fail;
 * `share`: its tool breaks containers; `session`: its session's own one is not ready.
 */
export type MissReason =
  'empty' | 'starting' | 'burst' | 'starts' | 'budget' | 'breaker' | 'share' | 'session';

export interface Member extends PoolContainer {
  readonly shelf: Shelf;
  /** How long the wish for it had waited when its start began, in ms. */
  readonly queuedMs: number;
  state: ContainerState;
  /** Whom it serves since it was claimed, also when it is on its way out. */
  owner: ContainerOwner | undefined;
  /** The tool whose job had it last. */
  tool: ToolName | undefined;
  /** Its session's files are being saved before it ends. */
  saving: boolean;
}

export class Shelf {
  readonly key: string;
  readonly spec: PoolSpec;
  readonly memoryMiB: number;
  readonly stock: Stock;
  readonly breaker = new Breaker();
  /** What starts took: by themselves, and with the time that the wish had waited for its turn. */
  readonly starts = new StartTimes();
  readonly leads = new StartTimes();
  /** How soon tenants use their idle ones again. */
  readonly reuse = new Reuse();
  /** Oldest first. */
  readonly warm = new Set<Member>();
  /** Idle ones of tenants, not of sessions; least recently used first. */
  readonly idle = new Set<Member>();
  /** Tools that call for it now, as configured. */
  tools: ReadonlySet<ToolName> = new Set();
  /** Configured: it stays though nothing is in it. */
  isConfigured = false;
  /** What takes its place: its tools have another image now. */
  successor: Shelf | undefined;
  /** The stock that it had until then. */
  rolledFrom = 0;
  /** What it takes the place of. */
  elder: Shelf | undefined;
  /** How many should stand ready; brought up to date by the planner. */
  target = 0;
  /** Since when each start that its stock wants has waited for its turn, the longest first. */
  owedSinceMs: number[] = [];
  /** Last claim. */
  usedAtMs: number;
  readonly claims = { session: 0, reused: 0, warm: 0, cold: 0 };
  readonly misses: Partial<Record<MissReason, number>> = {};
  /** Containers that could not be started, or died while nobody used them. */
  failures = 0;
  /** Jobs that wait for one to be started. */
  demand = 0;
  private readonly own = new Map<TenantId, Member[]>();
  private readonly counts: Record<ContainerState['kind'], number> = {
    starting: 0,
    warm: 0,
    busy: 0,
    resetting: 0,
    idle: 0,
    stopping: 0,
    gone: 0,
  };

  constructor(key: string, spec: PoolSpec, policy: PoolPolicy, nowMs: number) {
    this.key = key;
    this.spec = spec;
    this.memoryMiB = spec.resources.memoryMiB;
    this.stock = new Stock(policy);
    this.usedAtMs = nowMs;
  }

  count(kind: ContainerState['kind']): number {
    return this.counts[kind];
  }

  /** Containers that are not gone. */
  get size(): number {
    const { starting, warm, busy, resetting, idle, stopping } = this.counts;
    return starting + warm + busy + resetting + idle + stopping;
  }

  /** The tenant's idle container that was used last. */
  ownOf(tenant: TenantId): Member | undefined {
    return this.own.get(tenant)?.at(-1);
  }

  /** The warm one that has waited longest. */
  get oldestWarm(): Member | undefined {
    for (const member of this.warm) return member;
    return undefined;
  }

  /** The tenant's idle one that was used longest ago. */
  get stalest(): Member | undefined {
    for (const member of this.idle) return member;
    return undefined;
  }

  place(member: Member): void {
    const { state } = member;
    this.counts[state.kind] += 1;
    if (state.kind === 'warm') this.warm.add(member);
    if (state.kind !== 'idle' || state.session !== undefined) return;
    this.idle.add(member);
    const own = this.own.get(state.tenant);
    if (own === undefined) this.own.set(state.tenant, [member]);
    else own.push(member);
  }

  lift(member: Member): void {
    const { state } = member;
    this.counts[state.kind] -= 1;
    if (state.kind === 'warm') this.warm.delete(member);
    if (state.kind !== 'idle' || state.session !== undefined) return;
    this.idle.delete(member);
    const own = this.own.get(state.tenant) ?? [];
    own.splice(own.lastIndexOf(member), 1);
    if (own.length === 0) this.own.delete(state.tenant);
  }
}

/** Whether containers of both differ in their image alone. */
export const sameShape = ({ spec: a }: Shelf, { spec: b }: Shelf): boolean =>
  a.runtime === b.runtime &&
  a.resources.cpuMilli === b.resources.cpuMilli &&
  a.resources.memoryMiB === b.resources.memoryMiB &&
  a.resources.pids === b.resources.pids &&
  a.resources.workMiB === b.resources.workMiB &&
  a.resources.tmpMiB === b.resources.tmpMiB;
