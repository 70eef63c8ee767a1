import { describe, expect, it } from 'vitest';
import { ConnectionWatch, noCounts } from './connection-watch.js';
import { Latency } from './latency.js';

const watched = () => {
  const [counts, latency] = [noCounts(), Latency.empty()];
  let now = 0;
  const watch = new ConnectionWatch(counts, latency, 1, () => now);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { counts, latency, watch, pass };
};

describe('ConnectionWatch', () => {
  it('ends every request that was sent in exactly one count', () => {
    const { counts, latency, watch, pass } = watched();
    watch.sent();
    watch.answered(202, 5);
    watch.sent();
    watch.answered(503, 5);
    watch.sent();
    pass(400);
    watch.timedOut();
    watch.sent();
    pass(100);
    watch.sent();
    pass(50);
    watch.runEnded();
    expect(counts).toEqual({ sent: 5, accepted: 1, refused: 1, timedOut: 1, broken: 1, cutOff: 1 });
    expect(latency.percentiles('raw').n).toBe(5);
    expect(latency.percentiles('raw').maxMs).toBeCloseTo(400, 0);
  });

  it('takes a time-out of an idle connection for nothing', () => {
    const { counts, watch } = watched();
    watch.timedOut();
    watch.runEnded();
    expect(counts).toEqual(noCounts());
  });
});
