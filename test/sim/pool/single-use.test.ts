/**
 * Hits where nothing is reused: every job is of a new tenant, so each one takes a container out of stock for good. The node
 * starts containers as one of two cores was measured to: 5.1 a second one by one, 7.1 two at a time, 8.3 and 9.2.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '@zerofleet/testkit';
import { MEMORY_MIB, PoolRun } from './pool-run.js';
import type { Arrival } from './trace.js';

const PER_S = [5.1, 7.1, 8.3, 9.2];
const MS_PER_S = 1_000;
/** What stock is started with at most: one of four starts is left free. */
const REFILL_PER_S = 8.3;
const SEEDS = [1, 2, 3, 4, 5];
const MANY_SEEDS = Array.from({ length: 60 }, (_, n) => n + 1);
const MINUTE_MS = 60_000;

/** Poisson arrivals of `perS`, each of a new tenant. */
const arrivalsOf = (prng: Prng, fromMs: number, untilMs: number, perS: number): Arrival[] => {
  const arrivals: Arrival[] = [];
  const gapMs = (): number => -Math.log((prng.next() + 1) / (2 ** 32 + 1)) * (MS_PER_S / perS);
  for (let atMs = fromMs + gapMs(); atMs < untilMs; atMs += gapMs())
    arrivals.push({ atMs, tool: 0, tenant: Math.floor(atMs * MS_PER_S), runMs: 100 });
  return arrivals;
};

/** `slower`: so many times as long as measured does a start take, on average. */
const play = (prng: Prng, arrivals: readonly Arrival[], untilMs: number, slower = 1): PoolRun => {
  const run = new PoolRun({
    budgetMiB: 100 * MEMORY_MIB,
    startsMax: 4,
    refillPerS: 8,
    startMs: (starting) => {
      const n = Math.min(starting, PER_S.length);
      return ((slower * n * MS_PER_S) / (PER_S[n - 1] ?? 1)) * (0.8 + 0.4 * (prng.between(0, 1_000) / 1_000));
    },
    reuse: false,
    tickMs: 250,
    untilMs,
  });
  run.run(arrivals);
  return run;
};

const percent = (part: number, all: number): string => `${((100 * part) / all).toFixed(2)} %`;

describe('the pool with containers for one job', () => {
  it('hits 99 of 100 at 0.7 of the refill, and a miss takes no longer than 500 ms', () => {
    let [jobs, misses, stock] = [0, 0, 0];
    const tookMs: number[] = [];
    for (const seed of SEEDS) {
      const prng = new Prng(seed);
      // After the first minute, in which it learns the rate.
      const arrivals = arrivalsOf(prng, 0, 11 * MINUTE_MS, 0.7 * REFILL_PER_S);
      const run = play(prng, arrivals, 11 * MINUTE_MS);
      const late = run.waits.filter(({ atMs }) => atMs > MINUTE_MS);
      for (const { target } of run.pool.shelves) stock = Math.max(stock, target);
      jobs += arrivals.filter(({ atMs }) => atMs > MINUTE_MS).length;
      misses += late.length;
      tookMs.push(...late.map((wait) => wait.tookMs));
    }
    tookMs.sort((a, b) => a - b);
    const p95Ms = tookMs[Math.floor(tookMs.length * 0.95)] ?? 0;
    process.stdout.write(
      `\n  0.7 of the refill: ${percent(misses, jobs)} missed, p95 ${Math.round(p95Ms)} ms; ${stock} in stock at most\n`,
    );
    expect(misses / jobs).toBeLessThanOrEqual(0.01);
    expect(p95Ms).toBeLessThanOrEqual(500);
  });

  // The second is a worker that began a moment ago, on a machine that has its jobs to run as well.
  it.each([
    { what: 'learned for 5 minutes', seeds: SEEDS, learnMs: 5 * MINUTE_MS, lookMs: MINUTE_MS, slower: 1 },
    { what: 'is young and slow', seeds: MANY_SEEDS, learnMs: 20_000, lookMs: 15_000, slower: 1.1 },
  ])('hits 95 of 100 when the rate rises to the fourfold and it $what', (row) => {
    const { what, seeds, learnMs: stepMs, lookMs, slower } = row;
    let [jobs, misses] = [0, 0];
    for (const seed of seeds) {
      const prng = new Prng(seed);
      const before = arrivalsOf(prng, 0, stepMs, 0.175 * REFILL_PER_S);
      const after = arrivalsOf(prng, stepMs, stepMs + lookMs, 0.7 * REFILL_PER_S);
      const { waits } = play(prng, [...before, ...after], stepMs + lookMs, slower);
      jobs += after.length;
      misses += waits.filter(({ atMs }) => atMs >= stepMs).length;
    }
    process.stdout.write(`\n  after a fourfold step, ${what}: ${percent(misses, jobs)} missed\n`);
    expect(misses / jobs).toBeLessThanOrEqual(0.05);
  });
});
