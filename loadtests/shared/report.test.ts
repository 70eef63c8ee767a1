import { describe, expect, it } from 'vitest';
import { atLeast, atMost, latencyFigures, percentile } from './report.js';

describe('figures', () => {
  it('are nearest-rank percentiles with their number of samples', () => {
    const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(latencyFigures('warm', samples)).toEqual({
      warm_p50: { value: 100, unit: 'ms', n: 200 },
      warm_p99: { value: 198, unit: 'ms', n: 200 },
    });
    expect(percentile([7], 0.99)).toBe(7);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

describe('aims', () => {
  it('say what was wanted, what was seen, and whether it was met', () => {
    expect(atMost(15, 'ms', 15)).toEqual({ aim: '<= 15 ms', seen: 15, met: true });
    expect(atLeast(20, 'x', 19.99)).toEqual({ aim: '>= 20 x', seen: 19.99, met: false });
  });
});
