import { describe, expect, it } from 'vitest';
import { addCounts, countUnittest, countVitest, NO_COUNTS } from './test-counts.js';

const report = (passed: number, failed: number): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 2, numTodoTests: 1 });

describe('countVitest', () => {
  it('reads the JSON report', () => {
    expect(countVitest(report(5, 0), 0)).toEqual({
      passed: 5,
      failed: 0,
      skipped: 3,
      broken: false,
      failures: [],
    });
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
    ['Ran 12 tests in 1.0s\n\nOK\n', 0, { passed: 12, failed: 0, skipped: 0, broken: false, failures: [] }],
    [
      'Ran 12 tests in 1.0s\n\nOK (skipped=3)\n',
      0,
      { passed: 9, failed: 0, skipped: 3, broken: false, failures: [] },
    ],
    [
      'Ran 12 tests in 1.0s\n\nFAILED (failures=1, errors=2, skipped=1)\n',
      1,
      { passed: 8, failed: 3, skipped: 1, broken: true, failures: [] },
    ],
    ['ImportError', 1, { passed: 0, failed: 1, skipped: 0, broken: true, failures: [] }],
  ])('reads %j', (text, code, counts) => {
    expect(countUnittest(text, code)).toEqual(counts);
  });
});

describe('addCounts', () => {
  it('adds up', () => {
    const one = { passed: 1, failed: 0, skipped: 2, broken: false, failures: ['a'] };
    expect(addCounts(one, { ...one, broken: true, failures: ['b'] })).toEqual({
      passed: 2,
      failed: 0,
      skipped: 4,
      broken: true,
      failures: ['a', 'b'],
    });
  });
});

describe('failures', () => {
  it('are named with the beginning of their message, and so is a file that broke', () => {
    const file = (name: string, status: string, assertionResults: object[]): object => ({
      name,
      status,
      message: 'cannot import',
      assertionResults,
    });
    const testResults = [
      file('a.test.ts', 'failed', [
        { fullName: 'a holds', status: 'failed', failureMessages: [`{ seed: 7 }${'x'.repeat(5_000)}`] },
        { fullName: 'a stands', status: 'passed' },
      ]),
      file('b.test.ts', 'failed', []),
      file('c.test.ts', 'passed', [{ fullName: 'c', status: 'passed' }]),
    ];
    const counts = { numPassedTests: 2, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };
    const { failures } = countVitest(JSON.stringify({ ...counts, testResults }), 1);
    expect(failures.map((one) => one.slice(0, 36))).toEqual([
      'a.test.ts: a holds\n{ seed: 7 }xxxxxx',
      'b.test.ts\ncannot import',
    ]);
    expect(failures[0]?.length).toBeLessThan(2_000);
  });

  it('of unittest keep their tracebacks', () => {
    const rule = '='.repeat(70);
    const dash = '-'.repeat(70);
    const text = `F\n${rule}\nFAIL: test_a (x.A)\n${dash}\nTraceback\nno\n\n${rule}\nERROR: test_b\n${dash}\nboom\n\n${dash}\nRan 2 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n`;
    expect(countUnittest(text, 1).failures).toEqual([
      `FAIL: test_a (x.A)\n${dash}\nTraceback\nno`,
      `ERROR: test_b\n${dash}\nboom`,
    ]);
  });
});
