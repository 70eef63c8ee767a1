/** What a case found, as a table for people. */
import type { Findings } from './audit.js';
import type { JobRecord } from './record.js';

export interface Row {
  readonly name: string;
  readonly acknowledged: number;
  readonly record: JobRecord;
  readonly findings: Findings;
}

const HEAD = ['', 'acknowledged', 'in the copy', 'lost', 'doubled', 'breaks', 'commits'];

/** A line a row under `title`. */
export const tableOf = (title: string, rows: readonly Row[]): string => {
  const cells = [
    HEAD,
    ...rows.map(({ name, acknowledged, record, findings: { lost, doubled, breaks } }) =>
      [
        name,
        acknowledged,
        acknowledged - lost.length,
        lost.length,
        doubled.length,
        breaks.length,
        record.commits.length,
      ].map(String),
    ),
  ];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  };
  const line = (row: readonly string[]): string => row.map(padded).join('  ');
  return `\n${title}\n${cells.map((row) => `  ${line(row)}\n`).join('')}`;
};
