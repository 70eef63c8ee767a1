/** What a job needs, and what a worker has: the two sides of where a job runs. */
import type { ExecutionMode, Room, WorkerId } from '@zerofleet/model';

/** What a job needs of a worker. */
export interface Need {
  readonly room: Room;
  readonly poolKey: string;
  readonly mode: ExecutionMode;
  /** What the outcome of a job may store, at most, bytes. */
  readonly outcomeBytesMax: number;
}

/** A worker that takes jobs, as the leader sees it: `free` is what no assigned attempt holds. */
export interface Host {
  readonly worker: WorkerId;
  readonly mode: ExecutionMode;
  readonly free: Room;
  /** Warm containers that nobody claimed, by pool key. */
  readonly warm: ReadonlyMap<string, number>;
}
