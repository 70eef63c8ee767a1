/** How much stock is kept, by what jobs do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdleTimes } from './idle-times.js';
import { policyOf, type PoolPolicy } from './policy.js';
import { baseStock } from './poisson.js';
import { Reuse } from './reuse.js';
import { StartTimes } from './start-times.js';
import { Stock } from './stock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LEAD_MS = 250;

const stockOf = (settings: Partial<PoolPolicy> = {}): Stock =>
  new Stock(policyOf({ budgetMiB: 1, startsMax: 1, ...settings }));

/** The target after each of the seconds of `ms`, with a job each time that `gapMs` is over. */
const live = (stock: Stock, fromMs: number, ms: number, gapMs: number): number[] => {
  const targets: number[] = [];
  let dueMs = fromMs + gapMs;
  for (let nowMs = fromMs + 1_000; nowMs <= fromMs + ms; nowMs += 1_000) {
    for (; dueMs <= nowMs; dueMs += gapMs) stock.demanded(dueMs, LEAD_MS);
    targets.push(stock.target(nowMs, LEAD_MS));
  }
  return targets;
};

describe('base stock', () => {
  it('is the smallest that one job in a hundred finds empty', () => {
    expect([0.25, 1.25, 2.5, 5].map((mean) => baseStock(mean, 0.01, 64))).toEqual([3, 5, 8, 12]);
    expect(baseStock(0, 0.01, 64)).toBe(1);
    expect(baseStock(50, 0.01, 10)).toBe(10);
    expect(baseStock(10_000, 0.01, 10)).toBe(10);
  });

  it('is enough for Poisson arrivals, and one less is not', () => {
    const tail = (mean: number, n: number): number => {
      let [sum, term] = [0, Math.exp(-mean)];
      for (let k = 0; k < n; k += 1) {
        sum += term;
        term *= mean / (k + 1);
      }
      return 1 - sum;
    };
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 30, noNaN: true }), (mean) => {
        const n = baseStock(mean, 0.01, 1_000);
        expect(tail(mean, n)).toBeLessThanOrEqual(0.01 + 1e-9);
        expect(tail(mean, n - 1)).toBeGreaterThan(0.01 - 1e-9);
      }),
    );
  });
});

describe('stock', () => {
  it('follows the rate of jobs within seconds', () => {
    const stock = stockOf({ burstMax: 1 });
    expect(live(stock, 0, 120_000, 1_000).at(-1)).toBe(4);
    expect(live(stock, 120_000, 10_000, 200).at(-1)).toBe(9);
  });

  it('shrinks after a minute, by one each five seconds', () => {
    const stock = stockOf();
    stock.min = 8;
    stock.target(500_000, LEAD_MS);
    stock.min = 0;
    const targets = live(stock, 500_000, 120_000, Infinity);
    const falls = targets.flatMap((target, n) => (target < (targets[n - 1] ?? 8) ? [n + 1] : []));
    expect(falls).toEqual([60, 65, 70, 75, 80, 85, 90, 95]);
    expect(targets.at(-1)).toBe(0);
  });

  it('never goes below its minimum nor above its most', () => {
    const stock = stockOf({ stockMax: 6, keepMs: 1, worthMs: 1_000 });
    stock.min = 2;
    expect(stock.target(0, LEAD_MS)).toBe(2);
    expect(Math.max(...live(stock, 0, 20_000, 20))).toBe(6);
    expect(live(stock, 20_000, 300_000, Infinity).at(-1)).toBe(2);
    expect(stockOf({ stockMax: 0 }).target(0, LEAD_MS)).toBe(0);
  });

  it('holds as many as came at once, for ten minutes', () => {
    const stock = stockOf();
    for (let n = 0; n < 7; n += 1) stock.demanded(n * 10, LEAD_MS);
    expect(live(stock, 1_000, 9 * MINUTE_MS, Infinity).at(-1)).toBe(7);
    expect(live(stock, 9 * MINUTE_MS, 5 * MINUTE_MS, Infinity).at(-1)).toBe(0);
  });

  it('holds no more for those than the policy says', () => {
    const stock = stockOf({ burstMax: 3 });
    for (let n = 0; n < 20; n += 1) stock.demanded(n * 10, LEAD_MS);
    expect(live(stock, 1_000, 5 * MINUTE_MS, Infinity).at(-1)).toBe(3);
  });

  it('keeps one for a while after a job that came alone', () => {
    const stock = stockOf();
    stock.demanded(0, LEAD_MS);
    expect(live(stock, 0, 9 * MINUTE_MS, Infinity).at(-1)).toBe(1);
    expect(live(stock, 9 * MINUTE_MS, 3 * MINUTE_MS, Infinity).at(-1)).toBe(0);
  });
});

describe('times between uses', () => {
  it('of a schedule have a container stand around the next one, and none in between', () => {
    const times = new IdleTimes(10 * MINUTE_MS, 10 * MINUTE_MS);
    for (let n = 0; n < 10; n += 1) times.used(n * HOUR_MS + (n % 3) * 10_000);
    const lastMs = 9 * HOUR_MS;
    const worth = Array.from({ length: 90 }, (_, minute) =>
      times.isWorth(lastMs + minute * MINUTE_MS + 30_000),
    );
    expect(worth.slice(0, 57).includes(true)).toBe(false);
    expect(worth.slice(59, 61)).toEqual([true, true]);
    expect(worth.slice(63).includes(true)).toBe(false);
  });

  it('that are too few or all different keep to the fixed time, or to none', () => {
    const times = new IdleTimes(10 * MINUTE_MS, 10 * MINUTE_MS);
    times.used(0);
    times.used(HOUR_MS);
    expect(times.isWorth(HOUR_MS + 9 * MINUTE_MS)).toBe(true);
    expect(times.isWorth(HOUR_MS + 11 * MINUTE_MS)).toBe(false);
    let atMs = HOUR_MS;
    for (const minutes of [20, 47, 81, 110, 133, 171, 200]) times.used((atMs += minutes * MINUTE_MS));
    for (let minute = 0; minute < 239; minute += 1)
      expect(times.isWorth(atMs + minute * MINUTE_MS), `minute ${minute}`).toBe(false);
  });

  it('count what a container that stands would catch against the time that it stands', () => {
    const times = (uses: Record<number, number>): IdleTimes => {
      const learned = new IdleTimes(10 * MINUTE_MS, 10 * MINUTE_MS);
      let atMs = 0;
      learned.used(atMs);
      for (const [minute, count] of Object.entries(uses))
        for (let n = 0; n < count; n += 1) learned.used((atMs += Number(minute) * MINUTE_MS + 1_000));
      learned.used(atMs);
      return learned;
    };
    const pays = (uses: Record<number, number>, minute: number): boolean => {
      const learned = times(uses);
      const lastMs = Object.entries(uses).reduce(
        (sum, [at, n]) => sum + n * (Number(at) * MINUTE_MS + 1_000),
        0,
      );
      return learned.isWorth(lastMs + minute * MINUTE_MS + 30_000);
    };
    // Ten stand for three minutes each around the fiftieth to catch three, of which one proves nothing.
    expect(pays({ 50: 3, 200: 7 }, 50)).toBe(false);
    expect(pays({ 50: 4, 200: 6 }, 50)).toBe(true);
    // Those that were used before do not stand any more.
    expect(pays({ 1: 10, 60: 4, 200: 6 }, 60)).toBe(true);
  });

  it('follow what they were of late', () => {
    const times = new IdleTimes(10 * MINUTE_MS, 10 * MINUTE_MS);
    let atMs = 0;
    for (let n = 0; n < 100; n += 1) times.used((atMs += 30 * MINUTE_MS));
    for (let n = 0; n < 64; n += 1) times.used((atMs += 20 * MINUTE_MS));
    expect([times.isWorth(atMs + 20 * MINUTE_MS), times.isWorth(atMs + 30 * MINUTE_MS)]).toEqual([
      true,
      false,
    ]);
  });

  it('of a pool that nobody used say nothing', () => {
    expect(new IdleTimes(10 * MINUTE_MS, 10 * MINUTE_MS).isWorth(1)).toBe(false);
  });
});

describe('reuse of idle containers', () => {
  it('is seen as often as it was, whenever those that nobody used were ended', () => {
    for (const endedMs of [10_000, 100_000]) {
      const reuse = new Reuse();
      // One in four is used after 3 s; the others stay until they are ended.
      for (let n = 0; n < 50; n += 1) reuse.seen(n % 4 === 0 ? 3_000 : endedMs, n % 4 === 0);
      expect(reuse.perS(4_000), `${endedMs} ms`).toBeCloseTo(0.25 / 3, 1);
      expect(reuse.perS(endedMs - 1_000)).toBeLessThan(0.02);
      expect(reuse.perS(500)).toBeLessThan(0.05);
    }
  });

  it('is taken to be as rare as a container is long idle, until something was seen', () => {
    const reuse = new Reuse();
    const perS = [1_000, 10_000, 100_000, 1_000_000].map((idleMs) => reuse.perS(idleMs));
    expect([...perS].sort((a, b) => b - a)).toEqual(perS);
    expect(perS[2]).toBeGreaterThan(0.005);
    expect(perS[2]).toBeLessThan(0.02);
  });
});

describe('start times', () => {
  it('are those of the last starts, within bounds', () => {
    const starts = new StartTimes();
    expect([starts.isKnown, starts.p95Ms]).toEqual([false, 500]);
    for (let n = 0; n < 64; n += 1) starts.add(n < 60 ? 200 : 90_000);
    expect([starts.isKnown, starts.p50Ms, starts.p95Ms]).toEqual([true, 200, 10_000]);
    for (let n = 0; n < 64; n += 1) starts.add(300);
    expect([starts.p50Ms, starts.p95Ms]).toEqual([300, 300]);
  });
});
