/**
 * `npm run bench -- warm`: how soon jobs start in warm containers, and have their outcome, on a fleet of child processes with a
 * real engine, against `docker run` and `docker exec` of the same job, in alternating blocks of one run.
 *
 *   --quick        a smoke run of a minute
 *   --blocks N     blocks (5)
 *   --seconds N    seconds of steady load in a block (20)
 *   --rate N       jobs a second in it (50)
 *   --tenants N    tenants that they come from (10)
 *   --cold N       cold runs of each kind in a block (4)
 *   --seed N       (1)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import { ensureImages, referenceOf, startEmbedded, type Session } from '@zerofleet/launch';
import { takeFlag, valuesIn, whole } from '../shared/options.js';
import { say } from '../shared/output.js';
import { atLeast, atMost, latencyFigures, percentile, publish, type Figure } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import { Random } from './fairness/random.js';
import { coldExec, coldRun, type Cold } from './warm/cold.js';
import { reuseWindow, type ReuseWindow } from './warm/reuse.js';
import { Spread } from './warm/worker-metrics.js';

/** Seconds of load before anything is measured: containers are claimed, compilers and caches get warm. */
const WARM_UP_S = 10;
/** Each tenant may hold two containers of the tools' 256 MiB at a time, and the stock beside. */
const MEMORY_MIB_PER_TENANT = 2 * 256;
const STOCK_MIB = 2_048;

interface WarmOptions {
  readonly blocks: number;
  readonly seconds: number;
  readonly rate: number;
  readonly tenants: number;
  readonly cold: number;
  readonly seed: number;
}

const parseOptions = (words: readonly string[]): WarmOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const values = valuesIn(rest, ['blocks', 'seconds', 'rate', 'tenants', 'cold', 'seed']);
  return {
    blocks: whole('--blocks', values.blocks, quick ? 2 : 5, 100),
    seconds: whole('--seconds', values.seconds, quick ? 5 : 20, 600),
    rate: whole('--rate', values.rate, 50, 1_000),
    tenants: whole('--tenants', values.tenants, 10, 1_000),
    cold: whole('--cold', values.cold, quick ? 2 : 4, 1_000),
    seed: whole('--seed', values.seed, 1, 1_000_000),
  };
};

/** Times of one way to run a job cold, in ms. */
interface ColdSeen {
  readonly name: string;
  readonly cold: Cold;
  readonly starts: number[];
  readonly results: number[];
  readonly plain: number[];
}

const warm = async (session: Session, options: WarmOptions): Promise<number> => {
  const { blocks, cold, rate, seconds, tenants } = options;
  const random = new Random(options.seed);
  const fleet = await startEmbedded(session, {
    mode: 'warm',
    tenants: Array.from({ length: tenants }, (_, n) => `tenant-${n}`),
    env: { ZF_WORKER_MEMORY_MIB: String(STOCK_MIB + tenants * MEMORY_MIB_PER_TENANT) },
  });
  const image = referenceOf(await ensureImages(session, ['base-node', 'tools']), 'tools');
  const seen = (name: string, way: Cold): ColdSeen => ({
    name,
    cold: way,
    starts: [],
    results: [],
    plain: [],
  });
  const run = seen('docker_run', coldRun(image, session.signal));
  const exec = seen('docker_exec', await coldExec(image, session));
  const load = { rate, random, signal: session.signal };
  say(`  warm up: ${windowLine(await reuseWindow(fleet, { ...load, seconds: WARM_UP_S }))}`);
  const windows: ReuseWindow[] = [];
  for (let block = 0; block < blocks; block += 1) {
    for (const one of [run, exec]) await sampleCold(one, cold);
    const window = await reuseWindow(fleet, { ...load, seconds });
    windows.push(window);
    say(`  block ${block + 1} of ${blocks}: ${windowLine(window)}`);
  }
  report(windows, run, exec);
  return 0;
};

const sampleCold = async ({ cold, starts, results, plain }: ColdSeen, n: number): Promise<void> => {
  for (let index = 0; index < n; index += 1) {
    const { startMs, resultMs } = await cold.job(`cold ${starts.length}`);
    starts.push(startMs);
    results.push(resultMs);
    plain.push(await cold.plain());
  }
};

const median = (values: readonly number[]): number => percentile(values, 0.5);
const short = (value: number): string => value.toPrecision(3);

const windowLine = ({ starts, outcomesMs, firstBytesMs, claims, busy, lateMs }: ReuseWindow): string =>
  [
    `GO to STARTED ${short(starts.quantileMs(0.5))} / ${short(starts.quantileMs(0.99))} ms`,
    `outcome ${short(median(outcomesMs))} / ${short(percentile(outcomesMs, 0.99))} ms`,
    `first byte ${short(median(firstBytesMs))} ms`,
    `reused ${claims.reused} of ${claims.all}`,
    `machine busy ${percent(busy.before)} before, ${percent(busy.during)} under it`,
    `sent ${short(percentile(lateMs, 0.99))} ms late (p99)`,
  ].join('; ');

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const report = (windows: readonly ReuseWindow[], run: ColdSeen, exec: ColdSeen): void => {
  const all = (of: 'outcomesMs' | 'firstBytesMs' | 'lateMs'): number[] => windows.flatMap((one) => one[of]);
  const sum = (of: 'starts' | 'handovers'): Spread =>
    windows.reduce((total, one) => total.plus(one[of]), new Spread());
  const [starts, handovers] = [sum('starts'), sum('handovers')];
  const best = (values: readonly number[]): Figure => ({ ...figure(Math.min(...values)), n: values.length });
  const handoverP50 = handovers.quantileMs(0.5);
  const firstBytes = all('firstBytesMs');
  const ratios = {
    run_start_over_warm: median(run.starts) / handoverP50,
    run_plain_over_warm: median(run.plain) / handoverP50,
    exec_start_over_warm: median(exec.starts) / handoverP50,
    exec_plain_over_warm: median(exec.plain) / handoverP50,
    run_result_over_outcome: median(run.results) / median(all('outcomesMs')),
  };
  const colder = Math.min(ratios.run_start_over_warm, ratios.run_plain_over_warm);
  publish({
    bench: 'warm',
    figures: {
      ...spreadFigures('go_to_started', starts),
      go_to_started_p50_best_block: best(windows.map((one) => one.starts.quantileMs(0.5))),
      ...spreadFigures('claim_to_started', handovers),
      ...latencyFigures('submit_to_outcome', all('outcomesMs')),
      submit_to_outcome_p50_best_block: best(windows.map((one) => median(one.outcomesMs))),
      ...latencyFigures('first_byte', firstBytes),
      ...coldFigures(run),
      ...coldFigures(exec),
      ...latencyFigures('sent_late', all('lateMs')),
      busy_before: busyFigure(windows, 'before'),
      busy_under_load: busyFigure(windows, 'during'),
    },
    ratios,
    aims: {
      accept_start_p50: atMost(2, 'ms', starts.quantileMs(0.5)),
      goal_start_p50: atMost(1, 'ms', starts.quantileMs(0.5)),
      accept_start_p99: atMost(10, 'ms', starts.quantileMs(0.99)),
      accept_outcome_p50: atMost(8, 'ms', median(all('outcomesMs'))),
      goal_outcome_p50: atMost(5, 'ms', median(all('outcomesMs'))),
      accept_first_byte_p50: atMost(20, 'ms', median(firstBytes)),
      accept_first_byte_p99: atMost(20, 'ms', percentile(firstBytes, 0.99)),
      accept_cold_over_warm: atLeast(40, 'x', colder),
      goal_cold_over_warm: atLeast(100, 'x', colder),
    },
  });
};

const figure = (value: number, n = 1, unit = 'ms'): Figure => ({
  value: Number(value.toPrecision(4)),
  unit,
  n,
});

const spreadFigures = (name: string, spread: Spread): Record<string, Figure> => ({
  [`${name}_p50`]: figure(spread.quantileMs(0.5), spread.n),
  [`${name}_p99`]: figure(spread.quantileMs(0.99), spread.n),
});

const coldFigures = ({ name, starts, results, plain }: ColdSeen): Record<string, Figure> => ({
  [`${name}_job_start_p50`]: figure(median(starts), starts.length),
  [`${name}_job_result_p50`]: figure(median(results), results.length),
  [`${name}_plain_p50`]: figure(median(plain), plain.length),
});

const busyFigure = (windows: readonly ReuseWindow[], when: 'before' | 'during'): Figure =>
  figure(100 * median(windows.map(({ busy }) => busy[when])), windows.length, '%');

await runScenario(async (session) => warm(session, parseOptions(process.argv.slice(2))));
