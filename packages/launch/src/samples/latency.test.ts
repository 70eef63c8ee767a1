import { describe, expect, it } from 'vitest';
import { median } from './latency.js';

describe('median', () => {
  it('is the middle, or the lower middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2);
    expect(median([])).toBeNaN();
  });
});
