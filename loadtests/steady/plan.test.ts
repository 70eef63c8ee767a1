import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INSTANCES_MAX, offeredBy, planInstances, RATE_MAX } from './plan.js';

describe('planInstances', () => {
  it('cuts any rate into whole, even shares', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: RATE_MAX }), (rate) => {
        const plans = planInstances(rate);
        expect(plans.length).toBeLessThanOrEqual(INSTANCES_MAX);
        expect(offeredBy(plans, 3)).toBe(rate * 3);
        for (const plan of plans) {
          expect(plan.connections).toBeLessThanOrEqual(plan.rate);
          expect(Number.isInteger(plan.ratePerConnection)).toBe(true);
          expect(plan.startMs).toBeLessThan(1_000);
        }
      }),
    );
  });

  it('starts 20 instances 50 ms apart where the rate is high enough', () => {
    expect(planInstances(200).map(({ startMs }) => startMs)).toEqual(
      Array.from({ length: 20 }, (_, index) => index * 50),
    );
    expect(planInstances(1)).toEqual([{ startMs: 0, rate: 1, connections: 1, ratePerConnection: 1 }]);
  });
});
