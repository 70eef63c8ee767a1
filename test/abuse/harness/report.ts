/** The figures of a run, collected over its test files and shown as a table at its end. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A line of the table: a group's attack, and its figures by name. */
export interface Row {
  readonly table: 'neighbours' | 'kills' | 'floods';
  readonly name: string;
  readonly figures: Readonly<Record<string, string | number>>;
}

export const addRow = (file: string, row: Row): void => appendFileSync(file, `${JSON.stringify(row)}\n`);

export const readRows = (file: string): Row[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row)
    : [];

const TITLES: Readonly<Record<Row['table'], string>> = {
  neighbours: 'neighbours during each attack, from due to outcome over HTTP, in ms',
  kills: 'from the deadline until the engine has the container no more, in ms',
  floods: 'host and fleet under 1 GiB of output',
};

/** All rows, a table of each kind. */
export const tableOf = (rows: readonly Row[]): string =>
  (Object.keys(TITLES) as Row['table'][])
    .map((kind) => [kind, rows.filter(({ table }) => table === kind)] as const)
    .filter(([, of]) => of.length > 0)
    .map(([kind, of]) => `\n${TITLES[kind]}\n${textOf(of)}`)
    .join('');

const textOf = (rows: readonly Row[]): string => {
  const heads = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const cells = [
    ['', ...heads],
    ...rows.map(({ name, figures }) => [name, ...heads.map((head) => shown(figures[head]))]),
  ];
  const widths = heads.concat('').map((_, n) => Math.max(...cells.map((row) => row[n]?.length ?? 0)));
  return cells
    .map((row) =>
      row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))),
    )
    .map((row) => `  ${row.join('  ')}\n`)
    .join('');
};

const shown = (figure: string | number | undefined): string =>
  typeof figure === 'number'
    ? Number.isInteger(figure)
      ? String(figure)
      : figure.toFixed(1)
    : (figure ?? '');
