/**
 * Workers and pools as operators see them.
 *
 * P1  A pool of several workers is the sum of those that are heard: a silent one's containers count for nothing.
 */
import type {
  PoolStats,
  PoolStatsView,
  PoolView,
  Ready,
  WorkerDetailView,
  WorkerView,
} from '@zerofleet/protocol';
import type { Heard } from './roster.js';

type PoolState = Ready['pools'][number];

/** Ways of a claim that found a container ready. */
const HITS = ['reused', 'warm', 'session'];
const BREAKERS = ['closed', 'half', 'open'] as const;

export const workerView = ({ ready, ageMs, isSilent }: Heard): WorkerView => ({
  worker: ready.worker,
  boot: ready.boot,
  mode: ready.mode,
  stage: isSilent ? 'silent' : ready.draining ? 'draining' : 'ready',
  ageMs: Math.round(ageMs),
  room: ready.room,
  free: ready.free,
  attempts: ready.attempts.length,
  containers: {
    starting: sum(ready.pools, (pool) => pool.starting),
    warm: sum(ready.pools, (pool) => pool.warm),
    busy: sum(ready.pools, (pool) => pool.busy),
    idle: sum(ready.pools, (pool) => pool.idle),
    parked: sum(ready.pools, (pool) => pool.parked ?? 0),
  },
});

/** A worker with what it holds, and its own pools. */
export const workerDetailView = (heard: Heard): WorkerDetailView => ({
  ...workerView(heard),
  held: heard.ready.attempts.map(({ id, attempt }) => ({ id, attempt })),
  pools: poolsOf(heard.ready.pools),
});

/** The pools of all workers that are heard (P1). */
export const poolViews = (all: readonly Heard[]): PoolView[] =>
  poolsOf(all.filter(({ isSilent }) => !isSilent).flatMap(({ ready }) => ready.pools));

const poolsOf = (states: readonly PoolState[]): PoolView[] => {
  const byKey = new Map<string, PoolState[]>();
  for (const state of states) {
    const same = byKey.get(state.key);
    if (same === undefined) byKey.set(state.key, [state]);
    else same.push(state);
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, same]) => poolView(key, same));
};

const poolView = (key: string, states: readonly PoolState[]): PoolView => ({
  key,
  image: states.find(({ image }) => image !== undefined)?.image ?? null,
  workers: states.length,
  target: sum(states, ({ target }) => target),
  starting: sum(states, ({ starting }) => starting),
  warm: sum(states, ({ warm }) => warm),
  busy: sum(states, ({ busy }) => busy),
  idle: sum(states, ({ idle }) => idle),
  parked: sum(states, ({ parked }) => parked ?? 0),
  stats: statsView(states.flatMap(({ stats }) => stats ?? [])),
});

const statsView = (stats: readonly PoolStats[]): PoolStatsView | null => {
  if (stats.length === 0) return null;
  const claims = sums(stats.map((one) => one.claims));
  const all = sum(Object.values(claims), (count) => count);
  const hits = sum(HITS, (how) => claims[how] ?? 0);
  return {
    claims,
    hitRate: all === 0 ? null : hits / all,
    misses: sums(stats.map((one) => one.misses)),
    startMsP50: largest(stats.map((one) => one.startMsP50)),
    startMsP95: largest(stats.map((one) => one.startMsP95)),
    refillPerS: added(stats.map((one) => one.refillPerS)),
    failures: sum(stats, ({ failures }) => failures),
    breaker: BREAKERS.findLast((state) => stats.some(({ breaker }) => breaker === state)) ?? 'closed',
  };
};

const sum = <T>(list: readonly T[], of: (one: T) => number): number =>
  list.reduce((total, one) => total + of(one), 0);

const sums = (records: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const total = new Map<string, number>();
  for (const record of records)
    for (const [name, count] of Object.entries(record)) total.set(name, (total.get(name) ?? 0) + count);
  return Object.fromEntries(total);
};

/** The largest of those that are known. */
const largest = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
};

/** The sum of those that are known. */
const added = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : sum(known, (value) => value);
};
