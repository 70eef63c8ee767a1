/** How many tests passed, from what the test runners report. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The runner itself failed, though perhaps no test did. */
  readonly broken: boolean;
}

export const NO_COUNTS: Counts = { passed: 0, failed: 0, skipped: 0, broken: false };

export const addCounts = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  broken: a.broken || b.broken,
});

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

/** Counts of vitest's JSON report. A runner that failed without a failed test counts as one failure. */
export const countVitest = (report: string, exitCode: number): Counts => {
  try {
    const json = JSON.parse(report) as VitestReport;
    const failed = json.numFailedTests === 0 && exitCode !== 0 ? 1 : json.numFailedTests;
    return {
      passed: json.numPassedTests,
      failed,
      skipped: json.numPendingTests + json.numTodoTests,
      broken: exitCode !== 0,
    };
  } catch {
    return { ...NO_COUNTS, failed: exitCode === 0 ? 0 : 1, broken: exitCode !== 0 };
  }
};

/** Counts of what `python3 -m unittest` printed. */
export const countUnittest = (text: string, exitCode: number): Counts => {
  const total = Number(/^Ran (\d+) tests?/m.exec(text)?.[1] ?? 0);
  const summary = /^(?:OK|FAILED)(?: \((.*)\))?$/m.exec(text)?.[1] ?? '';
  const of = (name: string): number => Number(new RegExp(`\\b${name}=(\\d+)`).exec(summary)?.[1] ?? 0);
  const bad = of('failures') + of('errors') + of('unexpected successes');
  const failed = bad === 0 && exitCode !== 0 ? 1 : bad;
  const skipped = of('skipped');
  return { passed: Math.max(0, total - bad - skipped), failed, skipped, broken: exitCode !== 0 };
};
