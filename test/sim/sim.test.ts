/**
 * The simulation in CI: fixed seeds, replay, a calm history, and defects that must be caught. A failure names its seed;
 * `npm run sim -- --seed N` runs it again.
 */
import { describe, expect, it } from 'vitest';
import { DEFECTS, type Defect } from './defects.js';
import { Report } from './report.js';
import { World } from './world.js';

const FIXED = 200;
const HALF = FIXED / 2;
/** Histories within which a planted defect must be caught. */
const DEFECT_SEEDS = 100;

describe('simulation', () => {
  it(`holds its invariants on seeds 1 to ${HALF}`, async () => {
    const report = new Report('fixed seeds, first half');
    for (let seed = 1; seed <= HALF; seed += 1) await report.check(seed);
    report.end();
  });

  it('loses and repeats nothing where nothing goes wrong', async () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const world = new World(seed, { stormy: false });
      expect(await world.run(), `seed ${seed}`).toEqual([]);
      expect({ faults: world.book.total, leaderChanges: world.leaderChanges }).toEqual({
        faults: 0,
        leaderChanges: 0,
      });
    }
  });

  it('replays a seed byte for byte', async () => {
    const [first, second] = [new World(7), new World(7)];
    await first.run();
    await second.run();
    expect(second.trace).toEqual(first.trace);
    expect(second.log.history.map(String)).toEqual(first.log.history.map(String));
  });

  it.each(Object.entries(DEFECTS))('catches the planted defect %s as a breach of %s', async (defect, law) => {
    for (let seed = 1; seed <= DEFECT_SEEDS; seed += 1) {
      const wrong = await new World(seed, { defect: defect as Defect }).run();
      if (wrong.some((what) => what.startsWith(`${law}:`))) return;
    }
    expect.unreachable(`no seed up to ${DEFECT_SEEDS} caught it`);
  });
});
