/** Where a job runs: a host of its mode with room, warm containers of its pool key first, then the most free room. */
import { fits, type ExecutionMode, type Room, type WorkerId } from '@zerofleet/model';

/** What a job needs of a worker. */
export interface Need {
  readonly room: Room;
  readonly poolKey: string;
  readonly mode: ExecutionMode;
}

/** A worker that takes jobs, as the leader sees it: `free` is what no assigned attempt holds. */
export interface Host {
  readonly worker: WorkerId;
  readonly mode: ExecutionMode;
  readonly free: Room;
  /** Warm containers that nobody claimed, by pool key. */
  readonly warm: ReadonlyMap<string, number>;
}

/** The best host for `need`, or undefined when none has room. Ties go to the first in `hosts`. */
export const place = (need: Need, hosts: readonly Host[]): Host | undefined => {
  let best: Host | undefined;
  for (const host of hosts) {
    if (host.mode !== need.mode || !fits(need.room, host.free)) continue;
    if (best === undefined || isBetter(need, host, best)) best = host;
  }
  return best;
};

const isBetter = (need: Need, host: Host, best: Host): boolean => {
  const warm = (one: Host): boolean => (one.warm.get(need.poolKey) ?? 0) > 0;
  if (warm(host) !== warm(best)) return warm(host);
  if (host.free.cpuMilli !== best.free.cpuMilli) return host.free.cpuMilli > best.free.cpuMilli;
  return host.free.memoryMiB > best.free.memoryMiB;
};
