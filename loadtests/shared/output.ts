/** The one place of the load tests that writes to the terminal, and to the results folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@zerofleet/launch';

/** One line for people, on stdout. */
export const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** One line about a failure, on stderr. */
export const fail = (line: string): void => {
  process.stderr.write(`zerofleet: ${line}\n`);
};

/** Rows as text, columns aligned: the first to the left, the others to the right. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join('   ')}`.trimEnd()).join('\n');
};

/** Writes loadtests/results/NAME.json and returns its path. */
export const writeResult = (name: string, value: unknown): string => {
  const folder = join(ROOT, 'loadtests', 'results');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
  return path;
};
