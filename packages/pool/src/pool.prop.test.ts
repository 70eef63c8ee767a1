/** Random histories of the real policy: a million claims, ends, failures, deaths, roll-overs and moments, by seeds. */
import { describe, expect, it } from 'vitest';
import { Dice, specOf, World } from './world.test.helper.js';

const HISTORIES = 500;
const STEPS = 2_000;
/** Longer than the longest rest of a pool whose containers failed, in ms. */
const SETTLES_MS = 120_000;
/** Longer than the largest stock takes to shrink, in ms. */
const LETS_GO_MS = 400_000;

const A = specOf('a@1', 100);
const B = specOf('b@1', 200);
const NEW_A = specOf('a@2', 100);
const LARGE = specOf('c@1', 450);

const wants = (a: typeof A) => [
  { spec: a, stock: 3 },
  { spec: B, stock: 1 },
];

const play = (seed: number): World => {
  const dice = new Dice(seed);
  const policy = {
    budgetMiB: dice.pick([700, 1_000, 3_000]),
    startsMax: dice.pick([1, 2, 4]),
    idleMaxMs: 20_000,
    ageMaxMs: 60_000,
    usesMax: 6,
    sessionIdleMaxMs: 30_000,
    sessionAgeMaxMs: 90_000,
    savesMax: 2,
    keepMs: 10_000,
    worthMs: 10_000,
  };
  const world = new World(dice, policy, [A, A, B, NEW_A, LARGE]);
  const fails = dice.below(3) > 0;
  world.pool.configure(wants(A), 0);
  for (let step = 0; step < STEPS; step += 1) {
    const what = dice.below(100);
    if (what < 35) world.claimAny();
    else if (what < 80) world.advance(fails);
    else if (what < 95) world.pass(dice.below(700));
    else if (what < 97) world.leaveAny();
    else if (what < 98 && fails) world.dieAny();
    else if (what < 98) world.broken = dice.pick([B, undefined]);
    else if (what < 99) world.pass(dice.below(20_000));
    else if (dice.below(10) === 0) world.pool.configure(wants(dice.pick([A, NEW_A])), world.nowMs);
  }
  return world;
};

describe('pool', () => {
  it('shares no container, keeps to its budget, serves all who wait and leaks nothing, in a million steps', () => {
    let served = 0;
    let refused = 0;
    for (let seed = 1; seed <= HISTORIES; seed += 1) {
      const world = play(seed);
      const hint = `seed ${seed}`;
      world.settle(SETTLES_MS, 500);
      expect(world.waiters.size, hint).toBe(0);
      served += world.served;
      refused += world.refused;
      world.pool.configure(wants(NEW_A), world.nowMs);
      world.settle(LETS_GO_MS, 2_500);
      const warm = (key: string): number =>
        [...world.reals.values()].filter((one) => one.phase === 'ready' && one.member.key.startsWith(key))
          .length;
      expect([warm('a@1'), warm('a@2'), warm('b@1'), warm('c@1')], hint).toEqual([0, 3, 1, 0]);
      world.pool.drain();
      world.settle(2_000);
      expect([world.reals.size, world.pool.members.size, world.pool.usedMiB], hint).toEqual([0, 0, 0]);
    }
    // Enough went well and enough went wrong for the laws to mean something.
    expect(served).toBeGreaterThan(HISTORIES * 100);
    expect(refused).toBeGreaterThan(HISTORIES);
  }, 120_000);
});
