import { describe, expect, it } from 'vitest';
import { Spread, WorkerMetrics } from './worker-metrics.js';

const page = (fast: number, slow: number): WorkerMetrics =>
  new WorkerMetrics(`# HELP zf_x_seconds text
zf_x_seconds_bucket{le="0.001",how="warm"} ${fast}
zf_x_seconds_bucket{le="0.002",how="warm"} ${fast + slow}
zf_x_seconds_bucket{le="+Inf",how="warm"} ${fast + slow}
zf_x_seconds_bucket{le="0.001",how="cold"} 0
zf_x_seconds_bucket{le="0.002",how="cold"} 0
zf_x_seconds_bucket{le="+Inf",how="cold"} 4
zf_claims_total{how="warm"} ${fast}
zf_claims_total{how="cold"} 4
`);

describe('worker metrics', () => {
  it('add up samples that have the labels', () => {
    expect(page(3, 0).value('zf_claims_total')).toBe(7);
    expect(page(3, 0).value('zf_claims_total', 'how="warm"')).toBe(3);
    expect(page(3, 0).value('zf_nothing')).toBe(0);
  });

  it('tell what came between two readings, interpolated', () => {
    const [name, warm] = ['zf_x_seconds', 'how="warm"'];
    const spread = page(110, 100).spread(name, warm).since(page(10, 0).spread(name, warm));
    expect(spread.n).toBe(200);
    expect(spread.quantileMs(0.25)).toBeCloseTo(0.5);
    expect(spread.quantileMs(0.5)).toBeCloseTo(1);
    expect(spread.quantileMs(0.75)).toBeCloseTo(1.5);
    const all = new Spread().plus(spread).plus(page(0, 0).spread(name));
    expect(all.n).toBe(204);
    expect(all.quantileMs(0.99)).toBe(Infinity);
    expect(new Spread().quantileMs(0.5)).toBeNaN();
  });
});
