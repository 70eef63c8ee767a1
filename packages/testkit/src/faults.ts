/**
 * What may go wrong, where, and how often. A table declares the cells that are possible; a book draws from it by the seed and
 * keeps count, so that a run can show that every cell was hit.
 */
import type { Prng } from './prng.js';

/**
 * `lost`: it never arrives, and whoever waits hears nothing. `unanswered`: it is done, and the answer is lost. `failed`: an
 * error is the answer. `broken`: a subscription ends. `cut off`: a process without its connection. `flushed`: all is forgotten.
 */
export const FAULT_KINDS = [
  'lost',
  'unanswered',
  'late',
  'doubled',
  'refused',
  'failed',
  'full',
  'broken',
  'killed',
  'paused',
  'cut off',
  'replaced',
  'jumped',
  'flushed',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Chances in 1,000 by place and kind. A cell of 0 is struck by others than chance, by `strike`. */
export type FaultTable = Readonly<Record<string, Readonly<Partial<Record<FaultKind, number>>>>>;

/** Says whether a fault strikes just now. */
export interface Faults {
  strikes(place: string, kind: FaultKind): boolean;
}

export const NO_FAULTS: Faults = { strikes: () => false };

export class FaultBook implements Faults {
  /** How often each cell was hit, by place and kind. */
  readonly hits = new Map<string, Map<FaultKind, number>>();
  total = 0;
  private readonly table: FaultTable;
  private readonly prng: Prng;
  private readonly onHit: (place: string, kind: FaultKind) => void;
  private calm = false;

  constructor(table: FaultTable, prng: Prng, onHit: (place: string, kind: FaultKind) => void) {
    this.table = table;
    this.prng = prng;
    this.onHit = onHit;
  }

  /** From now on nothing goes wrong. */
  end(): void {
    this.calm = true;
  }

  strikes(place: string, kind: FaultKind): boolean {
    const permille = this.table[place]?.[kind];
    if (this.calm || permille === undefined || permille === 0 || !this.prng.chance(permille, 1_000))
      return false;
    this.strike(place, kind);
    return true;
  }

  /** Enters a fault that somebody else made. Throws for a cell that was not declared. */
  strike(place: string, kind: FaultKind): void {
    if (this.table[place]?.[kind] === undefined) throw new RangeError(`no cell for ${place} ${kind}`);
    const kinds = this.hits.get(place) ?? new Map<FaultKind, number>();
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    this.hits.set(place, kinds);
    this.total += 1;
    this.onHit(place, kind);
  }
}
