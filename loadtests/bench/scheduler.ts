/**
 * `npm run bench -- scheduler`: what a decision of the pure scheduler costs with 100,000 tenants and a million queued jobs, and
 * how that grows with jobs and with tenants. Nothing is deployed.
 *
 *   --quick        small sizes, a few seconds
 *   --rounds N     measured rounds at each size (100000)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { takeFlag, valuesIn, whole } from '../shared/options.js';
import { say } from '../shared/output.js';
import { atMost, percentile, publish, type Figure } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import { measure, type Costs, type Size } from './scheduler/point.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface SchedulerOptions {
  readonly sizes: readonly Size[];
  readonly rounds: number;
}

/** Jobs from 10^3 to 10^6 with as many tenants as there are then, and tenants from 10 to 10^5 with a million jobs. */
const SIZES: readonly Size[] = [
  ...[1_000, 10_000, 100_000].map((jobs) => ({ jobs, tenants: Math.min(jobs, 100_000) })),
  ...[10, 100, 1_000, 10_000, 100_000].map((tenants) => ({ jobs: 1_000_000, tenants })),
];
const QUICK_SIZES: readonly Size[] = [
  { jobs: 1_000, tenants: 100 },
  { jobs: 100_000, tenants: 10_000 },
];

const parseOptions = (words: readonly string[]): SchedulerOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const values = valuesIn(rest, ['rounds']);
  return {
    sizes: quick ? QUICK_SIZES : SIZES,
    rounds: whole('--rounds', values.rounds, quick ? 20_000 : 100_000, 10_000_000),
  };
};

const scheduler = ({ sizes, rounds }: SchedulerOptions): number => {
  const figures: Record<string, Figure> = {};
  const p99s: number[] = [];
  for (const size of sizes) {
    const costs = measure(size, rounds, collect);
    Object.assign(figures, figuresOf(size, costs));
    const p99 = percentile(costs.decisionUs, 0.99);
    p99s.push(p99);
    say(
      `${size.jobs} jobs of ${size.tenants} tenants: p50 ${percentile(costs.decisionUs, 0.5).toFixed(2)} µs, p99 ${p99.toFixed(2)} µs`,
    );
  }
  const largest = p99s.at(-1) ?? NaN;
  publish({
    bench: 'scheduler',
    figures,
    ratios: { p99_of_the_largest_over_the_smallest: largest / (p99s[0] ?? NaN) },
    aims: {
      accept_decision_p99: atMost(5, 'µs', largest),
      goal_decision_p99: atMost(2, 'µs', largest),
    },
  });
  return 0;
};

const figuresOf = ({ jobs, tenants }: Size, costs: Costs): Record<string, Figure> => {
  const name = `${jobs}j_${tenants}t`;
  const figure = (value: number, unit: string, n: number): Figure => ({
    value: Number(value.toPrecision(4)),
    unit,
    n,
  });
  const at = (samples: readonly number[], share: number): Figure =>
    figure(percentile(samples, share), 'µs', samples.length);
  return {
    [`${name}_decision_p50`]: at(costs.decisionUs, 0.5),
    [`${name}_decision_p99`]: at(costs.decisionUs, 0.99),
    [`${name}_wait_p99`]: at(costs.waitUs, 0.99),
    [`${name}_ended_p99`]: at(costs.endedUs, 0.99),
    [`${name}_add_p99`]: at(costs.addUs, 0.99),
    [`${name}_heap`]: figure(costs.bytesPerJob, 'bytes/job', jobs),
  };
};

await runScenario(async () => scheduler(parseOptions(process.argv.slice(2))));
