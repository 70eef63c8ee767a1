/**
 * `npm run bench -- queue`: durable submit, dispatch and outcome of jobs that do nothing, against BullMQ on Redis and a
 * plain JetStream work queue: jobs a second at the peak, and latency at 70 % of each system's own peak. Each with a
 * producer process, a worker process and its broker, the same payload, synced and lazy, in alternating blocks of one run.
 *
 *   --quick            a smoke run of a few seconds
 *   --only A,B         of zerofleet, bullmq, jetstream (all)
 *   --durability D     synced, lazy (both)
 *   --blocks N         blocks of each kind (3)
 *   --seconds N        measured seconds of a block (4)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import type { Session } from '@zerofleet/launch';
import { listed, takeFlag, valuesIn, whole } from '../shared/options.js';
import { say } from '../shared/output.js';
import { atLeast, percentile, publish, type Aim, type Figure } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import type { Durability, SystemName } from './queue/client.js';
import { startContestant, type Contestant, type PeakResult } from './queue/contestant.js';
import { TUNING } from './queue/tuning.js';
import type { OpenResult } from './queue/drive.js';

const SYSTEMS = ['zerofleet', 'bullmq', 'jetstream'] as const;
const DURABILITIES = ['synced', 'lazy'] as const;
/** The open loop's share of the peak. */
const LOAD = 0.7;
/** Before anything is measured each system runs at its peak for so long, in ms: compilers and caches get warm. */
const WARM_UP_MS = 3_000;
const SECONDS_MAX = 60;
const BLOCKS_MAX = 20;

interface QueueOptions {
  readonly systems: readonly SystemName[];
  readonly durabilities: readonly Durability[];
  readonly blocks: number;
  readonly warmMs: number;
  readonly runMs: number;
}

const parseOptions = (words: readonly string[]): QueueOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const values = valuesIn(rest, ['only', 'durability', 'blocks', 'seconds']);
  return {
    systems: listed('--only', values.only, SYSTEMS),
    durabilities: listed('--durability', values.durability, DURABILITIES),
    blocks: whole('--blocks', values.blocks, quick ? 1 : 3, BLOCKS_MAX),
    warmMs: quick ? 300 : 1_000,
    runMs: 1_000 * whole('--seconds', values.seconds, quick ? 1 : 4, SECONDS_MAX),
  };
};

/** What was seen of one system with one durability. */
interface Seen {
  readonly system: SystemName;
  readonly durability: Durability;
  readonly peaks: readonly PeakResult[];
  readonly latencies: readonly OpenResult[];
}

const median = (values: readonly number[]): number => percentile(values, 0.5);
const peakOf = ({ peaks }: Pick<Seen, 'peaks'>): number => median(peaks.map(({ perSecond }) => perSecond));

const queue = async (session: Session, options: QueueOptions): Promise<number> => {
  const seen: Seen[] = [];
  for (const durability of options.durabilities) seen.push(...(await measure(session, durability, options)));
  publish({
    bench: 'queue',
    figures: Object.fromEntries(seen.flatMap(figuresOf)),
    ratios: ratiosOf(seen),
    aims: aimsOf(ratiosOf(seen)),
  });
  return 0;
};

const measure = async (
  session: Session,
  durability: Durability,
  { systems, blocks, warmMs, runMs }: QueueOptions,
): Promise<readonly Seen[]> => {
  const entries: { contestant: Contestant; peaks: PeakResult[]; latencies: OpenResult[] }[] = [];
  for (const system of systems) {
    const contestant = await startContestant(session, system, durability, TUNING[durability][system]);
    entries.push({ contestant, peaks: [], latencies: [] });
  }
  for (const { contestant } of entries)
    await contestant.closed({ inFlight: contestant.tuning.inFlight, warmMs: 0, runMs: WARM_UP_MS });
  for (let block = 0; block < blocks; block += 1)
    for (const { contestant, peaks } of entries) {
      const { inFlight } = contestant.tuning;
      const found = await contestant.closed({ inFlight, warmMs, runMs });
      peaks.push(found);
      say(
        `${durability} ${contestant.system}: ${Math.round(found.perSecond)} jobs/s, ${Math.round(found.cpuUs)} µs each`,
      );
    }
  for (let block = 0; block < blocks; block += 1)
    for (const { contestant, peaks, latencies } of entries) {
      const found = await contestant.open({ rate: LOAD * peakOf({ peaks }), warmMs, runMs });
      latencies.push(found);
      say(
        `${durability} ${contestant.system}: p50 ${found.p50.toFixed(1)} ms, p99 ${found.p99.toFixed(1)} ms`,
      );
    }
  for (const { contestant } of entries) await contestant.stop();
  return entries.map(({ contestant: { system }, peaks, latencies }) => ({
    system,
    durability,
    peaks,
    latencies,
  }));
};

const figuresOf = (seen: Seen): [string, Figure][] => {
  const { system, durability, peaks, latencies } = seen;
  const jobs = (results: readonly { readonly jobs: number }[]): number =>
    results.reduce((sum, result) => sum + result.jobs, 0);
  const latency = (share: 'p50' | 'p99'): Figure => ({
    value: rounded(median(latencies.map((result) => result[share]))),
    unit: 'ms',
    n: jobs(latencies),
  });
  const name = `${system}_${durability}`;
  return [
    [`${name}_peak`, { value: rounded(peakOf(seen)), unit: 'jobs/s', n: jobs(peaks) }],
    [
      `${name}_cpu`,
      { value: rounded(median(peaks.map(({ cpuUs }) => cpuUs))), unit: 'µs/job', n: jobs(peaks) },
    ],
    ...leaderFigure(name, seen),
    [`${name}_p50`, latency('p50')],
    [`${name}_p99`, latency('p99')],
  ];
};

/** The leader's is one thread, which is where a shard's peak ends whatever the machine. */
const leaderFigure = (name: string, { peaks }: Seen): [string, Figure][] => {
  const each = peaks.flatMap(({ leaderCpuUs }) => leaderCpuUs ?? []);
  if (each.length === 0) return [];
  const n = peaks.reduce((sum, { jobs }) => sum + jobs, 0);
  return [[`${name}_leader_cpu`, { value: rounded(median(each)), unit: 'µs/job', n }]];
};

/** Zerofleet's peak over each peer's with the same durability, as far as both were measured. */
const ratiosOf = (seen: readonly Seen[]): Readonly<Record<string, number>> => {
  const ratios = seen.flatMap(({ system, durability, peaks }): [string, number][] => {
    const ours = seen.find((other) => other.system === 'zerofleet' && other.durability === durability);
    if (system === 'zerofleet' || ours === undefined) return [];
    return [[`${durability}_over_${system}`, peakOf(ours) / peakOf({ peaks })]];
  });
  return Object.fromEntries(ratios);
};

/** What is wanted of each ratio: to be accepted, and as a goal. */
const WANTED: Readonly<Record<string, { readonly accept: number; readonly goal: number }>> = {
  synced_over_bullmq: { accept: 2, goal: 5 },
  lazy_over_bullmq: { accept: 2, goal: 3 },
  synced_over_jetstream: { accept: 1, goal: 2 },
  lazy_over_jetstream: { accept: 1, goal: 2 },
};

const aimsOf = (ratios: Readonly<Record<string, number>>): Readonly<Record<string, Aim>> =>
  Object.fromEntries(
    Object.entries(ratios).flatMap(([name, seen]): [string, Aim][] => {
      const { accept, goal } = WANTED[name] ?? { accept: 0, goal: 0 };
      return [
        [`accept_${name}`, atLeast(accept, 'x', seen)],
        [`goal_${name}`, atLeast(goal, 'x', seen)],
      ];
    }),
  );

const rounded = (value: number): number => Number(value.toPrecision(4));

await runScenario(async (session) => queue(session, parseOptions(process.argv.slice(2))));
