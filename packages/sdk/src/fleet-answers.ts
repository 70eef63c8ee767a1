/** Answers about workers and pools, told from anything else. */
import type { PoolsView, WorkerDetailView, WorkersView } from '@zerofleet/protocol';
import { isNumber, isText, kind, listOf, orNull, withMembers } from './answer-kinds.js';
import { isRecord } from './answers.js';

const containers = { starting: isNumber, warm: isNumber, busy: isNumber, idle: isNumber, parked: isNumber };
const room = withMembers({ cpuMilli: isNumber, memoryMiB: isNumber });
const worker = {
  ...{ worker: isText, boot: isText, mode: isText, stage: isText, ageMs: isNumber },
  ...{ room, free: room, attempts: isNumber, containers: withMembers(containers) },
};
const stats = withMembers({
  ...{ claims: isRecord, hitRate: orNull(isNumber), misses: isRecord },
  ...{ startMsP50: orNull(isNumber), startMsP95: orNull(isNumber), refillPerS: orNull(isNumber) },
  ...{ failures: isNumber, breaker: isText },
});
const pool = withMembers({
  ...{ key: isText, image: orNull(isText), workers: isNumber, target: isNumber },
  ...containers,
  stats: orNull(stats),
});
const held = withMembers({ id: isText, attempt: isNumber });

export const WORKERS = kind<WorkersView>('workers', withMembers({ workers: listOf(withMembers(worker)) }));
export const WORKER = kind<WorkerDetailView>(
  'a worker',
  withMembers({ ...worker, held: listOf(held), pools: listOf(pool) }),
);
export const POOLS = kind<PoolsView>('pools', withMembers({ pools: listOf(pool) }));
