import { describe, expect, it } from 'vitest';
import { judge, quantile, type Sample } from './latency.js';

const samples = (...values: readonly (readonly [ms: number, times: number])[]): Sample[] =>
  values.flatMap(([ms, times]) => Array.from({ length: times }, (_, n) => ({ dueAtMs: n, ms })));

describe('quantile', () => {
  it('is the nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, n) => n + 1);
    expect([0.5, 0.99, 1].map((q) => quantile(values, q))).toEqual([100, 198, 200]);
  });
});

describe('the verdict on an attack', () => {
  const quiet = samples([5, 197], [30, 3]);

  it('allows twice the quiet p99, or 20 ms more where that is more', () => {
    expect(judge(quiet, samples([60, 200]))).toMatchObject({ limitMs: 60, held: true });
    expect(judge(quiet, samples([61, 200]))).toMatchObject({ held: false });
    expect(judge(samples([5, 200]), samples([25, 200]))).toMatchObject({ limitMs: 25, held: true });
    expect(judge(samples([5, 200]), samples([25.1, 200]))).toMatchObject({ held: false });
  });

  it('looks at the p99: two of 200 may be longer, three may not', () => {
    expect(judge(quiet, samples([5, 198], [500, 2])).held).toBe(true);
    expect(judge(quiet, samples([5, 197], [500, 3])).held).toBe(false);
  });

  it('lets no job be lost, in the attack or before', () => {
    expect(judge(quiet, samples([5, 999], [Infinity, 1])).held).toBe(false);
    expect(judge(samples([5, 190], [Infinity, 10]), samples([5, 200])).held).toBe(false);
  });

  it('is none where there are too few samples', () => {
    expect(() => judge(quiet, samples([5, 199]))).toThrow('say nothing');
  });
});
