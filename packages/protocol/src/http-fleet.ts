/** The fleet's workers and pools as operators see them over HTTP. docs/api.md explains them to readers. */
import type { Room } from '@zerofleet/model';
import type { PoolStats } from './messages.js';

/** `silent`: nothing was heard of it for so long that it counts as lost. */
export type WorkerStage = 'ready' | 'draining' | 'silent';

/** Containers by what they do. */
export interface ContainerCounts {
  readonly starting: number;
  /** Ready, and nobody's: the stock. */
  readonly warm: number;
  readonly busy: number;
  /** A tenant's, for its next job. */
  readonly idle: number;
  /** A session's, which just now runs nothing. */
  readonly parked: number;
}

/** A worker, as one coordinator last heard of it. */
export interface WorkerView {
  readonly worker: string;
  readonly boot: string;
  readonly mode: string;
  readonly stage: WorkerStage;
  /** How old this is, in ms. */
  readonly ageMs: number;
  readonly room: Room;
  readonly free: Room;
  /** Attempts that it holds. */
  readonly attempts: number;
  readonly containers: ContainerCounts;
}
export interface WorkersView {
  readonly workers: readonly WorkerView[];
}

/** How a pool has done since the boot of its workers. Of several: sums, and the slowest times. */
export interface PoolStatsView extends PoolStats {
  /** The share of claims that found a container ready, 0 to 1; null where there were none. */
  readonly hitRate: number | null;
}

/** Containers of one image, runtime and size; on one worker, or on all that are heard. */
export interface PoolView extends ContainerCounts {
  readonly key: string;
  /** Null where workers do not say. */
  readonly image: string | null;
  readonly workers: number;
  /** The stock that is wanted. */
  readonly target: number;
  /** Null where workers do not say. */
  readonly stats: PoolStatsView | null;
}
/** Answer of GET /v1/admin/pools. */
export interface PoolsView {
  readonly pools: readonly PoolView[];
}

/** Answer of GET /v1/admin/workers/ID. */
export interface WorkerDetailView extends WorkerView {
  /** The attempts that it holds. */
  readonly held: readonly { readonly id: string; readonly attempt: number }[];
  readonly pools: readonly PoolView[];
}
