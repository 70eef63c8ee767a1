/** The measure of fairness itself, and the scenarios once each, small. */
import { describe, expect, it } from 'vitest';
import { fairShares, jain } from './population.js';
import { flooded, lowestShare, served, sharing, TRICKS } from './scenarios.js';

describe('fair shares', () => {
  it('go by weight, and what one does not want goes to the others', () => {
    expect(fairShares([100, 100, 100], [1, 1, 2], 80)).toEqual([20, 20, 40]);
    expect(fairShares([5, 100, 100], [1, 1, 2], 80)).toEqual([5, 25, 50]);
    expect(fairShares([1, 2, 3], [1, 1, 1], 80)).toEqual([1, 2, 3]);
  });

  it('are even by an index of 1, and with one of n alone of 1/n', () => {
    expect(jain([3, 3, 3])).toBe(1);
    expect(jain([5, 0, 0, 0])).toBe(0.25);
  });
});

describe('the scheduler', () => {
  it('shares by weight between those that want more', async () => {
    const { jain: index, backlogged } = await sharing(60, 30, 1);
    expect(backlogged).toBeGreaterThan(10);
    expect(index).toBeGreaterThanOrEqual(0.99);
  });

  it('lets a light tenant by a flood', async () => {
    const { waitsMs } = await flooded(20_000, 100, 1);
    expect(waitsMs.length).toBeGreaterThanOrEqual(90);
    expect(Math.max(...waitsMs)).toBeLessThan(100);
  });

  it('keeps the lowest class 1 %', async () => {
    expect(await lowestShare(200, 1, 20_000, 1)).toBeGreaterThanOrEqual(0.01);
  });

  it.each(Object.entries(TRICKS))('gives no more for splitting up by %s', async (_, habits) => {
    const straight = await served({}, 20, 10_000, 1);
    expect(await served(habits, 20, 10_000, 1)).toBeLessThanOrEqual(1.02 * straight);
  });
});
