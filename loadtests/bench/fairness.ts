/**
 * `npm run bench -- fairness`: who gets how much, and who waits how long, from the engine of a leader with a virtual clock
 * and workers that do nothing. Nothing is deployed, and the figures are the same on every machine.
 *
 *   --quick        a smoke run of a few seconds
 *   --tenants N    tenants that share (1000)
 *   --flood N      jobs that another tenant has waiting before a light one comes (1000000)
 *   --seed N       (1)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import { takeFlag, valuesIn, whole } from '../shared/options.js';
import { say } from '../shared/output.js';
import { atLeast, atMost, latencyFigures, percentile, publish, type Figure } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import { LONGEST_MS } from './fairness/population.js';
import { flooded, lowestShare, served, sharing, SLOTS, TRICKS } from './fairness/scenarios.js';

interface FairnessOptions {
  readonly quick: boolean;
  readonly tenants: number;
  readonly flood: number;
  readonly seed: number;
}

const parseOptions = (words: readonly string[]): FairnessOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const values = valuesIn(rest, ['tenants', 'flood', 'seed']);
  return {
    quick,
    tenants: whole('--tenants', values.tenants, quick ? 100 : 1_000, 10_000),
    flood: whole('--flood', values.flood, quick ? 100_000 : 1_000_000, 5_000_000),
    seed: whole('--seed', values.seed, 1, 1_000_000),
  };
};

const fairness = async ({ quick, tenants, flood, seed }: FairnessOptions): Promise<number> => {
  say(`sharing between ${tenants} tenants`);
  const shared = await sharing(tenants, quick ? 30 : 100, seed);
  say(`a flood of ${flood} jobs`);
  const { waitsMs, excessMs } = await flooded(flood, quick ? 500 : 3_000, seed);
  say('the lowest class');
  const starts = quick ? 20_000 : 200_000;
  const lowest = await lowestShare(tenants, Math.max(1, Math.floor(tenants / 200)), starts, seed);
  say('splitting');
  const gains = await splittingGains(quick ? 20 : 100, starts, seed);
  const worst = Math.max(...Object.values(gains));
  const boundMs = LONGEST_MS / SLOTS + 10;
  publish({
    bench: 'fairness',
    figures: {
      jain: figure(shared.jain, '', shared.starts),
      least_share: figure(shared.least, 'of fair', shared.starts),
      most_share: figure(shared.most, 'of fair', shared.starts),
      backlogged: figure(shared.backlogged, 'tenants', tenants),
      ...latencyFigures('light_wait', waitsMs),
      ...latencyFigures('light_wait_beyond_a_slot', excessMs),
      lowest_class: figure(100 * lowest, '% of decisions', starts),
      ...Object.fromEntries(
        Object.entries(gains).map(([name, gain]) => [`gain_${name}`, figure(100 * gain, '%', starts)]),
      ),
    },
    ratios: {},
    aims: {
      accept_jain: atLeast(0.99, '', shared.jain),
      goal_jain: atLeast(0.995, '', shared.jain),
      accept_light_p99: atMost(boundMs, 'ms', percentile(waitsMs, 0.99)),
      accept_lowest_class: atLeast(1, '% of decisions', 100 * lowest),
      accept_gain: atMost(2, '%', 100 * worst),
    },
  });
  return 0;
};

/** What each trick brings over playing it straight, as a share. */
const splittingGains = async (
  tenants: number,
  starts: number,
  seed: number,
): Promise<Record<string, number>> => {
  const straight = await served({}, tenants, starts, seed);
  const gains: Record<string, number> = {};
  for (const [name, habits] of Object.entries(TRICKS))
    gains[name] = (await served(habits, tenants, starts, seed)) / straight - 1;
  return gains;
};

const figure = (value: number, unit: string, n: number): Figure => ({
  value: Number(value.toPrecision(4)),
  unit,
  n,
});

await runScenario(() => fairness(parseOptions(process.argv.slice(2))));
