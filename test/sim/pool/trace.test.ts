/**
 * The real policy against a fixed keep-alive on the same day of jobs: how many of them wait for a container to start, and
 * what it costs in container-seconds.
 */
import { describe, expect, it } from 'vitest';
import type { PoolPolicy } from '@zerofleet/pool';
import { Prng } from '@zerofleet/testkit';
import { keepAlive, type Cost } from './keep-alive.js';
import { MEMORY_MIB, PoolRun } from './pool-run.js';
import { DAY_MS, drawTrace, type Arrival } from './trace.js';

const SEEDS = [1, 2];
const MINUTE_MS = 60_000;
const KEPT_MS = 10 * MINUTE_MS;
/** The pool's budget; the keep-alive knows none. */
const CONTAINERS = 400;
const BISECTIONS = 6;

const startTimes = (): (() => number) => {
  const prng = new Prng(7);
  return () => prng.between(200, 500);
};

const pool = (arrivals: readonly Arrival[], settings: Partial<PoolPolicy>): Cost =>
  new PoolRun({
    budgetMiB: CONTAINERS * MEMORY_MIB,
    startsMax: 4,
    refillPerS: 8,
    startMs: startTimes(),
    reuse: true,
    // A day of quarter seconds would change little and take long.
    tickMs: 1_000,
    untilMs: DAY_MS,
    ...settings,
  }).run(arrivals);

const kept = (arrivals: readonly Arrival[], ms: number): Cost => keepAlive(arrivals, ms, startTimes());

/** The keep-alive that costs what `containerS` says, at most. */
const keptFor = (
  arrivals: readonly Arrival[],
  containerS: number,
): { readonly ms: number; readonly cost: Cost } => {
  let [fromMs, untilMs] = [0, 24 * 60 * MINUTE_MS];
  for (let n = 0; n < BISECTIONS; n += 1) {
    const ms = fromMs === 0 ? Math.sqrt(MINUTE_MS * untilMs) : Math.sqrt(fromMs * untilMs);
    if (kept(arrivals, ms).containerS > containerS) untilMs = ms;
    else fromMs = ms;
  }
  return { ms: fromMs, cost: kept(arrivals, fromMs) };
};

const say = (what: string, { jobs, cold, containerS, most }: Cost): void => {
  const share = ((100 * cold) / jobs).toFixed(2);
  process.stdout.write(
    `  ${what.padEnd(36)} ${cold} cold of ${jobs} (${share} %), ${(containerS / 1e6).toFixed(2)} M container-s, ${most} at once\n`,
  );
};

/** Half a keep-alive's cold starts, at no more than its cost; and half of those of one that is as dear. */
const compare = (arrivals: readonly Arrival[], settings: Partial<PoolPolicy>): void => {
  const fixed = kept(arrivals, KEPT_MS);
  const ours = pool(arrivals, settings);
  const equal = keptFor(arrivals, ours.containerS);
  say('keep-alive of 10 minutes', fixed);
  say('pool', ours);
  say(`keep-alive of ${(equal.ms / MINUTE_MS).toFixed(1)} minutes, as dear`, equal.cost);
  expect(ours.containerS).toBeLessThanOrEqual(fixed.containerS);
  expect(ours.cold).toBeLessThanOrEqual(fixed.cold / 2);
  expect(ours.cold).toBeLessThanOrEqual(equal.cost.cold / 2);
};

describe('the pool on a day of jobs', () => {
  it.each(SEEDS)('starts half as many cold as a keep-alive of 10 minutes at less cost, seed %i', (seed) => {
    const arrivals = drawTrace(seed);
    process.stdout.write(`\nseed ${seed}, ${arrivals.length} jobs of 100 tenants\n`);
    compare(arrivals, {});
  });

  // As in published traces: where a tool has one owner, keeping its containers serves all of its jobs, and stock serves nobody else.
  it.each(SEEDS)('does so too where each tool is called by one tenant alone, seed %i', (seed) => {
    const arrivals = drawTrace(seed).map((arrival) => ({ ...arrival, tenant: 0 }));
    process.stdout.write(`\nseed ${seed}, ${arrivals.length} jobs, one tenant a tool\n`);
    compare(arrivals, { idleMaxMs: MINUTE_MS });
  });
});
