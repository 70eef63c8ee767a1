/** What a test file of the suite has around its attacks: a neighbour, measured during each, and a row of the table for it. */
import { afterAll, beforeAll, expect } from 'vitest';
import { facts } from './fleet.js';
import { Neighbour } from './neighbour.js';
import { addRow } from './report.js';

/** Runs `attack` beside a neighbour for as long as it takes to know the neighbour's p99, and asserts that bound. */
export type Beside = (name: string, attack: () => Promise<void>) => Promise<void>;

/** A neighbour for the tests of this file. */
export const besideNeighbour = (): Beside => {
  let neighbour: Neighbour | undefined;
  beforeAll(async () => {
    neighbour = await Neighbour.start(facts());
  });
  afterAll(() => neighbour?.stop());
  return async (name, attack) => {
    if (neighbour === undefined) throw new Error('no neighbour yet');
    const { quiet, attacked, limitMs, held, rounds, failures } = await neighbour.measure(attack);
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
    expect(held, `the neighbour during ${name}: ${figures}`).toBe(true);
  };
};
