/** Workers and pools as tables for people. */
import type { PoolStatsView, PoolView, WorkerDetailView, WorkerView } from '@zerofleet/protocol';
import { facts, rows } from './tables.js';

const MS_PER_S = 1_000;
const NOT_KNOWN = '-';

/** Workers, one a row. */
export const workersTable = (workers: readonly WorkerView[]): string =>
  rows(
    [
      'worker',
      'stage',
      'heard',
      'cpus free',
      'MiB free',
      'jobs',
      'warm',
      'busy',
      'idle',
      'parked',
      'starting',
    ],
    workers.map((worker) => {
      const { warm, busy, idle, parked, starting } = worker.containers;
      return [
        ...[worker.worker, worker.stage, ageText(worker.ageMs), cpusText(worker), memoryText(worker)],
        ...[worker.attempts, warm, busy, idle, parked, starting].map(String),
      ];
    }),
  );

/** One worker, its pools, and what it holds. */
export const workerText = (worker: WorkerDetailView): string => {
  const about = facts([
    ['worker', worker.worker],
    ['boot', worker.boot],
    ['stage', worker.stage],
    ['heard', ageText(worker.ageMs)],
    ['execution', worker.mode],
    ['cpus free', cpusText(worker)],
    ['MiB free', memoryText(worker)],
    ['jobs', worker.attempts],
  ]);
  const held =
    worker.held.length === 0
      ? []
      : [
          rows(
            ['job', 'attempt'],
            worker.held.map(({ id, attempt }) => [id, String(attempt)]),
          ),
        ];
  return [about, poolsTable(worker.pools), ...held].join('\n');
};

/** Pools, one a row. */
export const poolsTable = (pools: readonly PoolView[]): string =>
  rows(
    [
      ...['pool', 'workers', 'target', 'warm', 'starting', 'busy', 'idle', 'parked'],
      ...['hits', 'misses', 'start p50/p95', 'refill', 'starts'],
    ],
    pools.map((pool) => [
      shortKey(pool.key),
      ...[pool.workers, pool.target, pool.warm, pool.starting, pool.busy, pool.idle, pool.parked].map(String),
      ...(pool.stats === null ? Array<string>(5).fill(NOT_KNOWN) : statsCells(pool.stats)),
    ]),
  );

const statsCells = (stats: PoolStatsView): string[] => [
  stats.hitRate === null ? NOT_KNOWN : `${(stats.hitRate * 100).toFixed(1)} %`,
  Object.entries(stats.misses)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', '),
  `${msText(stats.startMsP50)}/${msText(stats.startMsP95)}`,
  stats.refillPerS === null ? NOT_KNOWN : `${stats.refillPerS.toFixed(1)}/s`,
  `${STARTS[stats.breaker] ?? stats.breaker}${stats.failures === 0 ? '' : `, ${stats.failures} failed`}`,
];

const STARTS: Readonly<Record<string, string>> = {
  closed: 'go on',
  open: 'rest after failures',
  half: 'tried again',
};

const ageText = (ageMs: number): string => `${(ageMs / MS_PER_S).toFixed(1)} s ago`;

const msText = (ms: number | null): string => (ms === null ? NOT_KNOWN : `${Math.round(ms)} ms`);

const cpusText = ({ free, room }: WorkerView): string =>
  `${free.cpuMilli / 1_000} of ${room.cpuMilli / 1_000}`;

const memoryText = ({ free, room }: WorkerView): string => `${free.memoryMiB} of ${room.memoryMiB}`;

/** Nobody reads a whole digest. */
const shortKey = (key: string): string => key.replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/, '$1');
