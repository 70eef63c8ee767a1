/**
 * The simulation in CI: fixed seeds, fresh ones, replay, and defects that must be caught. A failure names its seed;
 * `npm run sim -- --seed N` runs it again.
 */
import { describe, expect, it } from 'vitest';
import { audit } from './audit.js';
import { World, type Defect } from './world.js';

const SHAPE = { jobs: 150, stepsMax: 6_000 };
const FIXED = 200;
const FRESH = 50;

const simulate = async (seed: number, defect: Defect = 'none'): Promise<World> => {
  const world = new World(seed, defect);
  await world.run(SHAPE);
  return world;
};

describe('simulation', () => {
  const hits = new Map<string, number>();
  const check = async (seed: number): Promise<void> => {
    const world = await simulate(seed);
    expect(audit(world), `seed ${seed}`).toEqual([]);
    expect(world.accepted.size, `seed ${seed} accepted jobs`).toBeGreaterThan(0);
    for (const [fault, count] of world.faultsHit) hits.set(fault, (hits.get(fault) ?? 0) + count);
  };

  it(`holds its invariants on ${FIXED} fixed seeds`, async () => {
    for (let seed = 1; seed <= FIXED; seed += 1) await check(seed);
    expect([...hits.keys()].sort()).toEqual([
      'append lost',
      'append stored but unanswered',
      'clock jumped',
      'leader killed',
      'leader stalled',
      'leader stalled, another elected',
      'ledger unreadable',
      'message doubled',
      'message lost',
      'projection failed',
      'worker killed',
      'worker stalled',
    ]);
  });

  it(`holds its invariants on ${FRESH} fresh seeds`, async () => {
    const base = Math.floor(Math.random() * 2 ** 31);
    for (let n = 0; n < FRESH; n += 1) await check(base + n);
  });

  it('replays a seed exactly', async () => {
    const [first, second] = [await simulate(7), await simulate(7)];
    expect(second.trace).toEqual(first.trace);
    expect(second.log.history.map(String)).toEqual(first.log.history.map(String));
  });

  it.each<Defect>([
    'unfenced-ledger',
    'fence-by-sequence-only',
    'double-run',
    'early-confirm',
    'outcome-dropped',
  ])('catches the planted defect %s', async (defect) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 400 && found.length === 0; seed += 1) {
      try {
        found.push(...audit(await simulate(seed, defect)));
      } catch (error) {
        found.push(error instanceof Error ? error.message : String(error));
      }
    }
    expect(found).not.toEqual([]);
  });
});
