import { describe, expect, it } from 'vitest';
import type { TenantId } from '@zerofleet/model';
import { Departures } from './departures.js';

const ADA = 'ada' as TenantId;

describe('departures', () => {
  it('expect the next one a mean interval after the last', () => {
    const departures = new Departures();
    expect(departures.nextInMs(ADA, 0)).toBe(1_000);
    for (let n = 0; n < 10; n += 1) departures.note(ADA, n * 4_000);
    expect(departures.nextInMs(ADA, 36_000)).toBe(4_000);
    expect(departures.nextInMs(ADA, 39_000)).toBe(1_000);
    // Later than expected: nobody is told to come back at once.
    expect(departures.nextInMs(ADA, 50_000)).toBe(4_000);
  });

  it('follow a pace that changes, and forget who left longest ago', () => {
    const departures = new Departures();
    departures.note(ADA, 0);
    for (let n = 1; n <= 30; n += 1) departures.note(ADA, n * 100);
    expect(departures.nextInMs(ADA, 3_000)).toBeCloseTo(100);
    for (let n = 0; n <= 10_000; n += 1) departures.note(`t${n}` as TenantId, 3_000);
    expect(departures.nextInMs(ADA, 3_000)).toBe(1_000);
  });
});
