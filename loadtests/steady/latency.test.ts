import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Latency } from './latency.js';

describe('Latency', () => {
  it('fills in what a waiting connection could not send, and only there', () => {
    const latency = Latency.empty();
    for (let n = 0; n < 90; n += 1) latency.record(10, 10);
    latency.record(1_000, 10);
    expect(latency.percentiles('raw')).toMatchObject({ n: 91 });
    const corrected = latency.percentiles('corrected');
    expect(corrected.n).toBe(100);
    expect(corrected.p99Ms).toBeGreaterThan(890);
    expect(latency.percentiles('raw').p90Ms).toBeCloseTo(10, 1);
  });

  it('is the same on the other side of a process', () => {
    const latency = Latency.empty();
    latency.record(12.3, 5);
    latency.record(450, 5);
    const copy = Latency.decode(latency.encode());
    for (const of of ['raw', 'corrected'] as const)
      expect(copy.percentiles(of)).toEqual(latency.percentiles(of));
  });
});

describe('autocannon', () => {
  it('still corrects by 1 ms instead of the interval: drop our own correction only when this fails', () => {
    const source = readFileSync(createRequire(import.meta.url).resolve('autocannon/lib/run.js'), 'utf8');
    expect(source).toContain('recordValueWithExpectedInterval(responseTime, Math.ceil(1 / rate))');
  });
});
