import { describe, expect, it } from 'vitest';
import { addCounts, countUnittest, countVitest, NO_COUNTS } from './test-counts.js';

const report = (passed: number, failed: number): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 2, numTodoTests: 1 });

describe('countVitest', () => {
  it('reads the JSON report', () => {
    expect(countVitest(report(5, 0), 0)).toEqual({ passed: 5, failed: 0, skipped: 3, broken: false });
    expect(countVitest(report(5, 2), 1)).toMatchObject({ failed: 2, broken: true });
  });

  it('counts a runner that failed without a failed test, and one without a report', () => {
    expect(countVitest(report(5, 0), 1)).toMatchObject({ passed: 5, failed: 1, broken: true });
    expect(countVitest('', 1)).toMatchObject({ failed: 1, broken: true });
    expect(countVitest('', 0)).toEqual(NO_COUNTS);
  });
});

describe('countUnittest', () => {
  it.each([
    ['Ran 12 tests in 1.0s\n\nOK\n', 0, { passed: 12, failed: 0, skipped: 0, broken: false }],
    ['Ran 12 tests in 1.0s\n\nOK (skipped=3)\n', 0, { passed: 9, failed: 0, skipped: 3, broken: false }],
    [
      'Ran 12 tests in 1.0s\n\nFAILED (failures=1, errors=2, skipped=1)\n',
      1,
      { passed: 8, failed: 3, skipped: 1, broken: true },
    ],
    ['ImportError', 1, { passed: 0, failed: 1, skipped: 0, broken: true }],
  ])('reads %j', (text, code, counts) => {
    expect(countUnittest(text, code)).toEqual(counts);
  });
});

describe('addCounts', () => {
  it('adds up', () => {
    const one = { passed: 1, failed: 0, skipped: 2, broken: false };
    expect(addCounts(one, { ...one, broken: true })).toEqual({
      passed: 2,
      failed: 0,
      skipped: 4,
      broken: true,
    });
  });
});
