/** How many tests passed and which failed, from what the test runners report. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The runner itself failed, though perhaps no test did. */
  readonly broken: boolean;
  /** Of each failed test its name and the beginning of its message: what is needed at the end of a long log. */
  readonly failures: readonly string[];
}

export const NO_COUNTS: Counts = { passed: 0, failed: 0, skipped: 0, broken: false, failures: [] };

/** What of a failure's message is kept, in characters: a property's seed and counterexample stand at its beginning. */
const MESSAGE_MAX = 1_500;

export const addCounts = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  broken: a.broken || b.broken,
  failures: [...a.failures, ...b.failures],
});

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults?: readonly {
    readonly name: string;
    /** `failed` without a failed test: the file itself broke, and `message` says how. */
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

const failuresOf = ({ testResults = [] }: VitestReport): string[] =>
  testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0) return status === 'failed' ? [named(name, message ?? '')] : [];
    return failed.map((test) => named(`${name}: ${test.fullName}`, (test.failureMessages ?? []).join('\n')));
  });

const named = (name: string, message: string): string => `${name}\n${message.slice(0, MESSAGE_MAX)}`;

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
      failures: failuresOf(json),
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
  const blocks = text.matchAll(/^(?:FAIL|ERROR): [^]*?(?=^={20,}$|^-{20,}\nRan )/gm);
  const failures = [...blocks].map(([block]) => block.slice(0, MESSAGE_MAX).trimEnd());
  return { passed: Math.max(0, total - bad - skipped), failed, skipped, broken: exitCode !== 0, failures };
};
