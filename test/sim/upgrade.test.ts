/**
 * Fleets that are updated while jobs live: replicas of the release before beside new ones, and new ones that are held to its
 * format. A failure names its seed and kind; `npm run sim -- --seed N --upgrade KIND` runs it again.
 */
import { describe, expect, it } from 'vitest';
import { UPGRADE_DEFECTS, type Defect } from './defects.js';
import { Report } from './report.js';
import { World } from './world.js';

const BESIDE = 45;
const HELD = 15;
/** Histories within which a planted defect must be caught. */
const DEFECT_SEEDS = 20;

describe('simulated upgrade', () => {
  it(`holds its invariants on seeds 1 to ${BESIDE} beside the release before, 1 to ${HELD} held`, async () => {
    const report = new Report('upgrades', true);
    for (let seed = 1; seed <= BESIDE; seed += 1) await report.check(seed, 'beside');
    for (let seed = 1; seed <= HELD; seed += 1) await report.check(seed, 'held');
    report.end();
  });

  it('leaves a leader of the release before alone while it lives', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const world = new World(seed, { stormy: false, upgrade: 'beside' });
      expect(await world.run(), `seed ${seed}`).toEqual([]);
      // It leads first, although its ledger is purged past its election; when it went, one of the new ones does.
      const changes = [...world.auditor.counts].filter(([what]) => / after /.test(what));
      expect(changes, `seed ${seed}`).toEqual([[expect.stringContaining('new after before'), 1]]);
    }
  });

  it('replays a seed byte for byte', async () => {
    const [first, second] = [7, 7].map((seed) => new World(seed, { upgrade: 'beside' })) as [World, World];
    await first.run();
    await second.run();
    expect(second.trace).toEqual(first.trace);
    expect(second.log.history.map(String)).toEqual(first.log.history.map(String));
  });

  it.each(Object.entries(UPGRADE_DEFECTS))(
    'catches the planted defect %s as a breach of %s',
    async (defect, law) => {
      for (const upgrade of ['beside', 'held'] as const) {
        let caught = false;
        for (let seed = 1; seed <= DEFECT_SEEDS && !caught; seed += 1) {
          const wrong = await new World(seed, { defect: defect as Defect, upgrade }).run();
          caught = wrong.some((what) => what.startsWith(`${law}:`));
        }
        expect(caught, upgrade).toBe(true);
      }
    },
  );
});
