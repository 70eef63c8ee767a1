/** What every bench leaves: a table for people and loadtests/results/NAME.json, always in the same shape. */
import { commit, machine } from './origin.js';
import { say, table, writeResult } from './output.js';

export interface Figure {
  readonly value: number;
  readonly unit: string;
  /** How many samples it comes from. */
  readonly n: number;
}

/** An aim and what was seen; a missed one is reported, it does not make the bench fail. */
export interface Aim {
  /** In words: `<= 15 ms`. */
  readonly aim: string;
  readonly seen: number;
  readonly met: boolean;
}

export interface BenchReport {
  readonly bench: string;
  readonly commit: string;
  readonly machine: string;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly aims: Readonly<Record<string, Aim>>;
}

/** An aim that is met by `limit` or less. */
export const atMost = (limit: number, unit: string, seen: number): Aim => ({
  aim: `<= ${limit} ${unit}`,
  seen: rounded(seen),
  met: seen <= limit,
});

/** An aim that is met by `limit` or more. */
export const atLeast = (limit: number, unit: string, seen: number): Aim => ({
  aim: `>= ${limit} ${unit}`,
  seen: rounded(seen),
  met: seen >= limit,
});

/** The value that `share` of `samples` do not exceed (nearest rank). Throws RangeError when there are none. */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no samples');
  return value;
};

/** p50 and p99 of `samples` in ms, as figures `NAME_p50` and `NAME_p99`. */
export const latencyFigures = (name: string, samples: readonly number[]): Record<string, Figure> => {
  const figure = (share: number): Figure => ({
    value: rounded(percentile(samples, share)),
    unit: 'ms',
    n: samples.length,
  });
  return { [`${name}_p50`]: figure(0.5), [`${name}_p99`]: figure(0.99) };
};

/** Prints the report and writes it. */
export const publish = (found: Omit<BenchReport, 'commit' | 'machine'>): BenchReport => {
  const { bench, figures, ratios, aims } = found;
  const report: BenchReport = {
    bench,
    commit: commit(),
    machine: machine(),
    figures,
    ratios: Object.fromEntries(Object.entries(ratios).map(([name, value]) => [name, rounded(value)])),
    aims,
  };
  say(`${bench} (${report.commit}, ${report.machine})\n`);
  say(table([['figure', 'value', 'unit', 'n'], ...Object.entries(figures).map(figureRow)]));
  say('');
  say(
    table([
      ['ratio', 'value'],
      ...Object.entries(report.ratios).map(([name, value]) => [name, String(value)]),
    ]),
  );
  say('');
  say(table([['aim', 'wanted', 'seen', ''], ...Object.entries(aims).map(aimRow)]));
  say(`\n${writeResult(bench, report)}`);
  return report;
};

const figureRow = ([name, { value, unit, n }]: [string, Figure]): string[] => [
  name,
  String(value),
  unit,
  String(n),
];

const aimRow = ([name, { aim, seen, met }]: [string, Aim]): string[] => [
  name,
  aim,
  String(seen),
  met ? 'met' : 'MISSED',
];

const rounded = (value: number): number => Number(value.toPrecision(4));
