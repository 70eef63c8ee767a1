/** What one part of the bench adds to its report. */
import type { Aim, BenchReport, Figure } from '../../shared/report.js';
import { percentile } from '../../shared/report.js';
import type { Spread } from './worker-metrics.js';

export type Part = Pick<BenchReport, 'figures' | 'ratios' | 'aims'>;

/** All parts as one. */
export const joined = (parts: readonly Part[]): Part => ({
  figures: Object.assign({}, ...parts.map((part) => part.figures)) as Record<string, Figure>,
  ratios: Object.assign({}, ...parts.map((part) => part.ratios)) as Record<string, number>,
  aims: Object.assign({}, ...parts.map((part) => part.aims)) as Record<string, Aim>,
});

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const figure = (value: number, n: number, unit: string): Figure => ({
  value: Number(value.toPrecision(4)),
  unit,
  n,
});

/** Three digits, for a line of progress. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));

export const percent = (share: number): string => `${short(100 * share)} %`;

/** Its p50 and p99, as figures `NAME_p50` and `NAME_p99`. */
export const spreadFigures = (name: string, spread: Spread): Record<string, Figure> => ({
  [`${name}_p50`]: figure(spread.quantileMs(0.5), spread.n, 'ms'),
  [`${name}_p99`]: figure(spread.quantileMs(0.99), spread.n, 'ms'),
});
