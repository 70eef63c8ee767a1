/** The other half of the fixed seeds, and fresh ones: in a file of its own, so that it runs beside the first. */
import { randomInt } from 'node:crypto';
import { describe, it } from 'vitest';
import { Report } from './report.js';

const FIRST = 101;
const LAST = 200;
const FRESH = 50;

describe('simulation, more seeds', () => {
  it(`holds its invariants on seeds ${FIRST} to ${LAST}, and on ${FRESH} fresh ones`, async () => {
    const base = randomInt(2 ** 31);
    const report = new Report(`fixed seeds, second half, and fresh seeds ${base} to ${base + FRESH - 1}`);
    for (let seed = FIRST; seed <= LAST; seed += 1) await report.check(seed);
    for (let seed = base; seed < base + FRESH; seed += 1) await report.check(seed);
    report.end();
  });
});
