/** What a run did and what the audit found, as a table for people. */
import type { Verdict } from './audit.js';
import type { Deed } from './dose.js';

export interface Run {
  /** From each deed to the next accepted job, in ms. */
  readonly gapsMs: ReadonlyMap<Deed, readonly number[]>;
  readonly repeatedSubmissions: number;
  readonly tookMs: number;
}

/** The smallest of `values` that is not below a share `q` of them, or NaN of none. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
};

export const tableOf = (run: Run, verdict: Verdict): string => {
  const rows: (readonly [string, string | number])[] = [
    ...[...run.gapsMs].map(([deed, gaps]): [string, number] => [deed, gaps.length]),
    ['submissions sent again', run.repeatedSubmissions],
    ['accepted', verdict.accepted],
    ['outcomes', verdict.outcomes],
    ['attempts begun', verdict.attempts],
    ['attempts lost with killed workers', verdict.repeated],
    ['lost', verdict.lost.length],
    ['doubled', verdict.doubled.length],
    ['keys that gave two jobs', verdict.keys.length],
    ['wrong outcomes', verdict.wrong.length],
    ['stray attempts', verdict.strayAttempts.length],
    ...[...run.gapsMs].map(([deed, gaps]): [string, string] => [
      `${deed} to next accepted job, p50 and p99`,
      `${quantile(gaps, 0.5).toFixed(0)} and ${quantile(gaps, 0.99).toFixed(0)} ms`,
    ]),
    ['took', `${(run.tookMs / 1000).toFixed(1)} s`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(20)}\n`).join('');
};
