/**
 * What a worker's pool should do now. Pure: containers, targets and time in, actions out; the driver applies them.
 *
 * L1  Memory of every container that is not gone, plus what is about to start, never exceeds the budget.
 * L2  At most `startsMax` containers start at once; no stock is started while a job waits for a cold start.
 * L3  A busy or resetting container is never stopped by the plan.
 * L4  A pool whose starts fail waits, longer each time, up to BACKOFF_MAX_MS; its jobs hear of it.
 */
import type { ContainerState, PoolSpec, TenantId } from '@zerofleet/model';

/** A container as the plan sees it. */
export interface PoolContainer {
  readonly id: string;
  readonly key: string;
  readonly memoryMiB: number;
  readonly state: ContainerState;
  readonly bornMs: number;
}

/** A pool key with its stock: how many warm containers that nobody claimed. */
export interface PoolTarget {
  readonly key: string;
  readonly spec: PoolSpec;
  readonly stock: number;
  /** Failed starts in a row, and when the last one failed. */
  readonly failures: number;
  readonly failedAtMs: number;
}

export interface PoolPolicy {
  readonly budgetMiB: number;
  readonly startsMax: number;
  /** A tenant's container that was not used for so long is ended. */
  readonly idleMaxMs: number;
  /** A session's container that was not used for so long is ended, once its files are saved. */
  readonly sessionIdleMaxMs: number;
  readonly ageMaxMs: number;
  readonly usesMax: number;
}

/** A job that waits for a container of `key`. */
export interface Demand {
  readonly key: string;
  readonly tenant: TenantId;
}

export type PoolAction =
  | { readonly kind: 'start'; readonly key: string }
  | { readonly kind: 'stop'; readonly id: string; readonly why: 'idle' | 'age' | 'uses' | 'room' };

export interface PoolView {
  readonly containers: readonly PoolContainer[];
  readonly targets: readonly PoolTarget[];
  /** In the order they came. */
  readonly waiting: readonly Demand[];
  readonly policy: PoolPolicy;
  readonly nowMs: number;
}

const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;

/** How long after its last failure a pool may not start anything, in ms. */
export const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));

/** The actions that bring the pool nearer to its targets. Calling it again after applying them gives none for the same reason. */
export const planPool = (view: PoolView): PoolAction[] => {
  const worn = view.containers.flatMap((container) => wornOut(container, view));
  const stopped = new Set(worn.map((action) => action.id));
  const draft = new Draft(view, stopped);
  // A pool that rests after failures keeps its own jobs waiting, not the stock of the others.
  const demand = view.waiting.filter((one) => draft.needsStart(one.key) && !draft.isResting(one.key));
  for (const { key } of demand) draft.start(key, true);
  if (demand.length === 0) for (const target of view.targets) draft.restock(target);
  return [...worn, ...draft.actions];
};

type Stop = Extract<PoolAction, { kind: 'stop' }>;

/** Whether a tenant's idle container has served its time. */
const wornOut = ({ id, state, bornMs }: PoolContainer, { policy, nowMs }: PoolView): Stop[] => {
  if (state.kind !== 'idle') return [];
  if (state.session !== undefined)
    return nowMs - state.sinceMs >= policy.sessionIdleMaxMs ? [{ kind: 'stop', id, why: 'idle' }] : [];
  if (state.uses >= policy.usesMax) return [{ kind: 'stop', id, why: 'uses' }];
  if (nowMs - bornMs >= policy.ageMaxMs) return [{ kind: 'stop', id, why: 'age' }];
  return nowMs - state.sinceMs >= policy.idleMaxMs ? [{ kind: 'stop', id, why: 'idle' }] : [];
};

/** A plan in the making: keeps the sums that the actions so far lead to. */
class Draft {
  readonly actions: PoolAction[] = [];
  private readonly view: PoolView;
  private readonly stopped: Set<string>;
  private readonly startingByKey = new Map<string, number>();
  private readonly claimed = new Map<string, number>();
  private usedMiB = 0;
  private starting = 0;

  constructor(view: PoolView, stopped: Set<string>) {
    this.view = view;
    this.stopped = stopped;
    for (const { key, memoryMiB, state } of view.containers) {
      if (state.kind === 'gone') continue;
      // A stopping container holds its memory until it is gone.
      this.usedMiB += memoryMiB;
      if (state.kind !== 'starting') continue;
      this.starting += 1;
      this.startingByKey.set(key, (this.startingByKey.get(key) ?? 0) + 1);
    }
  }

  /** Whether a waiting job of `key` needs a start of its own: each one on the way serves one that waits. */
  needsStart(key: string): boolean {
    const claimed = (this.claimed.get(key) ?? 0) + 1;
    this.claimed.set(key, claimed);
    return claimed > (this.startingByKey.get(key) ?? 0);
  }

  /** Whether nothing of `key` may start now, because its last starts failed or it is not known. */
  isResting(key: string): boolean {
    const target = this.view.targets.find((one) => one.key === key);
    return target === undefined || this.view.nowMs - target.failedAtMs < backoffMs(target.failures);
  }

  /** Starts one of `key` if budget, gate and backoff allow; `urgent` may end idle containers to make room. */
  start(key: string, urgent: boolean): boolean {
    const target = this.view.targets.find((one) => one.key === key);
    if (target === undefined || this.starting >= this.view.policy.startsMax || this.isResting(key))
      return false;
    const { memoryMiB } = target.spec.resources;
    if (this.usedMiB + memoryMiB > this.view.policy.budgetMiB) {
      if (urgent) this.makeRoom(key, memoryMiB);
      return false;
    }
    this.usedMiB += memoryMiB;
    this.starting += 1;
    this.startingByKey.set(key, (this.startingByKey.get(key) ?? 0) + 1);
    this.actions.push({ kind: 'start', key });
    return true;
  }

  restock({ key, stock }: PoolTarget): void {
    const warm = this.view.containers.filter((one) => one.key === key && one.state.kind === 'warm').length;
    let missing = stock - warm - (this.startingByKey.get(key) ?? 0);
    while (missing > 0 && this.start(key, false)) missing -= 1;
  }

  /** Ends idle containers, least recently used first, then warm ones of other keys, then parked sessions, until `memoryMiB` will be free. */
  private makeRoom(key: string, memoryMiB: number): void {
    let missing = this.usedMiB + memoryMiB - this.view.policy.budgetMiB;
    for (const container of this.view.containers) {
      const leaving = container.state.kind === 'stopping' || this.stopped.has(container.id);
      if (leaving && container.state.kind !== 'gone') missing -= container.memoryMiB;
    }
    const victims = evictable(this.view.containers, key).filter((one) => !this.stopped.has(one.id));
    // Ending some would not help while busy ones hold the rest.
    if (victims.reduce((sum, one) => sum + one.memoryMiB, 0) < missing) return;
    for (const victim of victims) {
      if (missing <= 0) return;
      this.stopped.add(victim.id);
      this.actions.push({ kind: 'stop', id: victim.id, why: 'room' });
      missing -= victim.memoryMiB;
    }
  }
}

const evictable = (containers: readonly PoolContainer[], key: string): PoolContainer[] => {
  const since = ({ state }: PoolContainer): number =>
    state.kind === 'idle' || state.kind === 'warm' ? state.sinceMs : 0;
  const bySince = (a: PoolContainer, b: PoolContainer): number => since(a) - since(b);
  const isParked = ({ state }: PoolContainer): boolean =>
    state.kind === 'idle' && state.session !== undefined;
  const idle = containers.filter((one) => one.state.kind === 'idle' && !isParked(one)).sort(bySince);
  const warm = containers.filter((one) => one.state.kind === 'warm' && one.key !== key).sort(bySince);
  return [...idle, ...warm, ...containers.filter(isParked).sort(bySince)];
};
