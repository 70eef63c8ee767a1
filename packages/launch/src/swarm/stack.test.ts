import { describe, expect, it } from 'vitest';
import { parseServices } from './stack.js';

describe('parseServices', () => {
  it('reads replicated and global services', () => {
    const lines = ['zerofleet_worker 0/1 (max 1 per node)', 'zerofleet_broker 1/1', 'nonsense'];
    expect(parseServices('zerofleet', lines)).toEqual([
      { name: 'worker', running: 0, wanted: 1 },
      { name: 'broker', running: 1, wanted: 1 },
    ]);
  });
});
