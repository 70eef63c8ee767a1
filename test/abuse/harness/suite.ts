/** What a test file of the suite has around its attacks: a neighbour, measured during each, and a row of the table for it. */
import { afterAll, beforeAll, expect } from 'vitest';
import { facts } from './fleet.js';
import { Neighbour } from './neighbour.js';
import { addRow } from './report.js';

/** Whether the bound on a neighbour's p99 is asserted, or only shown with all figures. */
type Bound = 'held' | 'shown';

/** Where other work shares the machine a bound on a p99 says nothing: `ZF_ABUSE_NEIGHBOURS=shown` asserts all but it. */
const BOUND: Bound = process.env['ZF_ABUSE_NEIGHBOURS'] === 'shown' ? 'shown' : 'held';

/** Runs `attack` beside a neighbour for as long as it takes to know the neighbour's p99, and asserts its bound. */
export type Beside = (name: string, attack: () => Promise<void>, bound?: Bound) => Promise<void>;

/** A neighbour for the tests of this file. */
export const besideNeighbour = (): Beside => {
  let neighbour: Neighbour | undefined;
  beforeAll(async () => {
    neighbour = await Neighbour.start(facts());
  });
  afterAll(() => neighbour?.stop());
  return async (name, attack, bound = BOUND) => {
    if (neighbour === undefined) throw new Error('no neighbour yet');
    const { quiet, attacked, limitMs, held, rounds, failures } = await neighbour.measure(
      attack,
      bound === 'held' ? undefined : 1,
    );
    addRow(facts().rowsFile, {
      table: 'neighbours',
      name,
      figures: {
        'quiet p50': quiet.p50,
        'quiet p99': quiet.p99,
        'attacked p50': attacked.p50,
        'attacked p99': attacked.p99,
        limit: limitMs,
        longest: attacked.max,
        jobs: attacked.count,
        rounds,
      },
    });
    expect(failures, `jobs of the neighbour during ${name}`).toEqual([]);
    const figures = `p99 ${attacked.p99.toFixed(1)} ms after ${quiet.p99.toFixed(1)} ms`;
    if (bound === 'held') expect(held, `the neighbour during ${name}: ${figures}`).toBe(true);
  };
};
