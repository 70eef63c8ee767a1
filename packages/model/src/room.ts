/** Room on a worker, and what a job needs of it, as one vector. Pure arithmetic; never negative by construction of its callers. */

/** CPU in thousandths of a core, memory in MiB. */
export interface Room {
  readonly cpuMilli: number;
  readonly memoryMiB: number;
}

export const NO_ROOM: Room = { cpuMilli: 0, memoryMiB: 0 };

/** Whether `need` fits into `free` in every dimension. */
export const fits = (need: Room, free: Room): boolean =>
  need.cpuMilli <= free.cpuMilli && need.memoryMiB <= free.memoryMiB;

export const addRoom = (a: Room, b: Room): Room => ({
  cpuMilli: a.cpuMilli + b.cpuMilli,
  memoryMiB: a.memoryMiB + b.memoryMiB,
});

export const subtractRoom = (a: Room, b: Room): Room => ({
  cpuMilli: a.cpuMilli - b.cpuMilli,
  memoryMiB: a.memoryMiB - b.memoryMiB,
});
