/** Which faults struck where over many histories, as a table. */
import { FAULT_KINDS, type FaultBook, type FaultKind, type FaultTable } from '@zerofleet/testkit';

export class FaultHits {
  private readonly table: FaultTable;
  private readonly hits = new Map<string, number>();

  constructor(table: FaultTable) {
    this.table = table;
  }

  add(book: FaultBook): void {
    for (const [place, kinds] of book.hits)
      for (const [kind, count] of kinds) {
        const cell = `${place} ${kind}`;
        this.hits.set(cell, (this.hits.get(cell) ?? 0) + count);
      }
  }

  /** Cells of `table` that were never hit. */
  emptyOf(table: FaultTable): string[] {
    return cellsOf(table).filter((cell) => !this.hits.has(cell));
  }

  /** A row for each place, a column for each kind; a dot where a fault is not possible. */
  toString(): string {
    const kinds = FAULT_KINDS.filter((kind) => Object.values(this.table).some((of) => kind in of));
    const head = ['', ...kinds];
    const rows = Object.keys(this.table).map((place) => [
      place,
      ...kinds.map((kind) => this.cell(place, kind)),
    ]);
    const widths = head.map((_, n) => Math.max(...[head, ...rows].map((row) => row[n]?.length ?? 0)));
    const line = (row: readonly string[]): string =>
      row
        .map((text, n) => (n === 0 ? text.padEnd(widths[n] ?? 0) : text.padStart(widths[n] ?? 0)))
        .join('  ');
    return [head, ...rows].map(line).join('\n');
  }

  private cell(place: string, kind: FaultKind): string {
    if (this.table[place]?.[kind] === undefined) return '.';
    return String(this.hits.get(`${place} ${kind}`) ?? 0);
  }
}

const cellsOf = (table: FaultTable): string[] =>
  Object.entries(table).flatMap(([place, kinds]) => Object.keys(kinds).map((kind) => `${place} ${kind}`));
