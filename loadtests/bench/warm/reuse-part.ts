/** Starts in reused containers at a steady rate, in blocks between cold runs of the same job. */
import { ensureImages, referenceOf, startEmbedded, type Session } from '@zerofleet/launch';
import { say } from '../../shared/output.js';
import { atLeast, atMost, latencyFigures, percentile, type Figure } from '../../shared/report.js';
import type { Random } from '../fairness/random.js';
import { coldExec, coldRun, type Cold } from './cold.js';
import { figure, median, percent, short, spreadFigures, type Part } from './part.js';
import { reuseWindow, type ReuseWindow } from './reuse.js';
import { Spread } from './worker-metrics.js';

/** Seconds of load before anything is measured: containers are claimed, compilers and caches get warm. */
const WARM_UP_S = 10;
/** Each tenant may hold two containers of the tools' 256 MiB at a time, and the stock beside. */
const MEMORY_MIB_PER_TENANT = 2 * 256;
const STOCK_MIB = 2_048;

export interface ReuseOptions {
  readonly blocks: number;
  /** Of load in a block. */
  readonly seconds: number;
  /** Jobs a second. */
  readonly rate: number;
  readonly tenants: number;
  /** Cold runs of each kind in a block. */
  readonly cold: number;
}

/** Times of one way to run a job cold, in ms. */
interface ColdSeen {
  readonly name: string;
  readonly cold: Cold;
  readonly starts: number[];
  readonly results: number[];
  readonly plain: number[];
}

export const reusePart = async (session: Session, options: ReuseOptions, random: Random): Promise<Part> => {
  const { blocks, cold, rate, seconds, tenants } = options;
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
  say(`  warm up: ${lineOf(await reuseWindow(fleet, { ...load, seconds: WARM_UP_S }))}`);
  const windows: ReuseWindow[] = [];
  for (let block = 0; block < blocks; block += 1) {
    for (const one of [run, exec]) await sampleCold(one, cold);
    const window = await reuseWindow(fleet, { ...load, seconds });
    windows.push(window);
    say(`  block ${block + 1} of ${blocks}: ${lineOf(window)}`);
  }
  await fleet.stop();
  return partOf(windows, run, exec);
};

const sampleCold = async ({ cold, starts, results, plain }: ColdSeen, n: number): Promise<void> => {
  for (let index = 0; index < n; index += 1) {
    const { startMs, resultMs } = await cold.job(`cold ${starts.length}`);
    starts.push(startMs);
    results.push(resultMs);
    plain.push(await cold.plain());
  }
};

const lineOf = ({ starts, outcomesMs, firstBytesMs, claims, busy, lateMs }: ReuseWindow): string =>
  [
    `GO to STARTED ${short(starts.quantileMs(0.5))} / ${short(starts.quantileMs(0.99))} ms`,
    `outcome ${short(median(outcomesMs))} / ${short(percentile(outcomesMs, 0.99))} ms`,
    `first byte ${short(median(firstBytesMs))} ms`,
    `reused ${claims.reused} of ${claims.all}`,
    `machine busy ${percent(busy.before)} before, ${percent(busy.during)} under it`,
    `sent ${short(percentile(lateMs, 0.99))} ms late (p99)`,
  ].join('; ');

const partOf = (windows: readonly ReuseWindow[], run: ColdSeen, exec: ColdSeen): Part => {
  const all = (of: 'outcomesMs' | 'firstBytesMs' | 'lateMs'): number[] => windows.flatMap((one) => one[of]);
  const sum = (of: 'starts' | 'handovers'): Spread =>
    windows.reduce((total, one) => total.plus(one[of]), new Spread());
  const [starts, handovers] = [sum('starts'), sum('handovers')];
  const [outcomes, firstBytes] = [all('outcomesMs'), all('firstBytesMs')];
  const best = (values: readonly number[]): Figure => figure(Math.min(...values), values.length, 'ms');
  const handoverP50 = handovers.quantileMs(0.5);
  const ratios = {
    run_start_over_warm: median(run.starts) / handoverP50,
    run_plain_over_warm: median(run.plain) / handoverP50,
    exec_start_over_warm: median(exec.starts) / handoverP50,
    exec_plain_over_warm: median(exec.plain) / handoverP50,
    run_result_over_outcome: median(run.results) / median(outcomes),
  };
  const colder = Math.min(ratios.run_start_over_warm, ratios.run_plain_over_warm);
  return {
    figures: {
      ...spreadFigures('go_to_started', starts),
      go_to_started_p50_best_block: best(windows.map((one) => one.starts.quantileMs(0.5))),
      ...spreadFigures('claim_to_started', handovers),
      ...latencyFigures('submit_to_outcome', outcomes),
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
      accept_outcome_p50: atMost(8, 'ms', median(outcomes)),
      goal_outcome_p50: atMost(5, 'ms', median(outcomes)),
      accept_first_byte_p50: atMost(20, 'ms', median(firstBytes)),
      accept_first_byte_p99: atMost(20, 'ms', percentile(firstBytes, 0.99)),
      accept_cold_over_warm: atLeast(40, 'x', colder),
      goal_cold_over_warm: atLeast(100, 'x', colder),
    },
  };
};

const coldFigures = ({ name, starts, results, plain }: ColdSeen): Record<string, Figure> => ({
  [`${name}_job_start_p50`]: figure(median(starts), starts.length, 'ms'),
  [`${name}_job_result_p50`]: figure(median(results), results.length, 'ms'),
  [`${name}_plain_p50`]: figure(median(plain), plain.length, 'ms'),
});

const busyFigure = (windows: readonly ReuseWindow[], when: 'before' | 'during'): Figure =>
  figure(100 * median(windows.map(({ busy }) => busy[when])), windows.length, '%');
