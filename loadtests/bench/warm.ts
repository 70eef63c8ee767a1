/**
 * `npm run bench -- warm`: how soon jobs start in warm containers, on a fleet of child processes with a real engine.
 *
 *   reuse   jobs of a few tenants at a steady rate: start, outcome and first byte, against `docker run` and `docker exec` of
 *           the same job, in alternating blocks of one run
 *   pool    jobs that each need a container of their own: refill rate, hits at 0.7 of it, hits in a fourfold step, misses
 *
 *   --quick        a smoke run of two minutes
 *   --only A,B     of reuse, pool (both)
 *   --blocks N     reuse: blocks (5)
 *   --seconds N    reuse: seconds of load in a block (20)
 *   --rate N       reuse: jobs a second (50)
 *   --tenants N    reuse: tenants that they come from (10)
 *   --cold N       reuse: cold runs of each kind in a block (4)
 *   --window N     pool: seconds of a window (60)
 *   --steps N      pool: steps (4), of 15 s
 *   --seed N       (1)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import type { Session } from '@zerofleet/launch';
import { listed, takeFlag, valuesIn, whole } from '../shared/options.js';
import { publish } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import { Random } from './fairness/random.js';
import { joined, type Part } from './warm/part.js';
import { poolPart, type PoolOptions } from './warm/pool-part.js';
import { reusePart, type ReuseOptions } from './warm/reuse-part.js';

const PARTS = ['reuse', 'pool'] as const;
const STEP_S = 15;

interface WarmOptions {
  readonly only: readonly (typeof PARTS)[number][];
  readonly seed: number;
  readonly reuse: ReuseOptions;
  readonly pool: PoolOptions;
}

const parseOptions = (words: readonly string[]): WarmOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const named = ['only', 'blocks', 'seconds', 'rate', 'tenants', 'cold', 'window', 'steps', 'seed'] as const;
  const values = valuesIn(rest, named);
  return {
    only: listed('--only', values.only, PARTS),
    seed: whole('--seed', values.seed, 1, 1_000_000),
    reuse: {
      blocks: whole('--blocks', values.blocks, quick ? 2 : 5, 100),
      seconds: whole('--seconds', values.seconds, quick ? 5 : 20, 600),
      rate: whole('--rate', values.rate, 50, 1_000),
      tenants: whole('--tenants', values.tenants, 10, 1_000),
      cold: whole('--cold', values.cold, quick ? 2 : 4, 1_000),
    },
    pool: {
      seconds: whole('--window', values.window, quick ? 10 : 60, 600),
      steps: whole('--steps', values.steps, quick ? 1 : 4, 100),
      stepSeconds: STEP_S,
    },
  };
};

const warm = async (session: Session, { only, seed, reuse, pool }: WarmOptions): Promise<number> => {
  const random = new Random(seed);
  const parts: Part[] = [];
  if (only.includes('reuse')) parts.push(await reusePart(session, reuse, random));
  if (only.includes('pool')) parts.push(await poolPart(session, pool, random));
  publish({ bench: 'warm', ...joined(parts) });
  return 0;
};

await runScenario(async (session) => warm(session, parseOptions(process.argv.slice(2))));
