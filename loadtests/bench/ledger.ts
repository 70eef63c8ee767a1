/**
 * `npm run bench -- ledger`: what a million queued jobs cost. Heap bytes of each, a cold replay of all, a failover beside
 * them, and the write amplification of jobs that are due late.
 *
 *   --quick        a smoke run
 *   --jobs N       queued jobs (1,000,000)
 *   --kills N      leaders killed (20)
 *   --rate N       jobs a second beside those due late (5,000)
 *   --seconds N    for so long (60)
 *   --only A,B     of queued, amplification (both)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import type { Session } from '@zerofleet/launch';
import { listed, takeFlag, valuesIn, whole } from '../shared/options.js';
import { atMost, latencyFigures, percentile, publish, type Aim, type Figure } from '../shared/report.js';
import { runScenario } from '../shared/scenario.js';
import { measureAmplification, type AmplificationFigures } from './ledger/amplification.js';
import { measureQueued, type QueuedFigures } from './ledger/queued.js';

const PARTS = ['queued', 'amplification'] as const;
const JOBS_MAX = 2_000_000;
const REPLAYS = 3;

interface LedgerOptions {
  readonly parts: readonly (typeof PARTS)[number][];
  readonly jobs: number;
  readonly kills: number;
  readonly rate: number;
  readonly seconds: number;
}

const parseOptions = (words: readonly string[]): LedgerOptions => {
  const { on: quick, rest } = takeFlag(words, '--quick');
  const values = valuesIn(rest, ['jobs', 'kills', 'rate', 'seconds', 'only']);
  return {
    parts: listed('--only', values.only, PARTS),
    jobs: whole('--jobs', values.jobs, quick ? 20_000 : 1_000_000, JOBS_MAX),
    kills: whole('--kills', values.kills, quick ? 2 : 20, 100),
    rate: whole('--rate', values.rate, quick ? 500 : 5_000, 100_000),
    seconds: whole('--seconds', values.seconds, quick ? 5 : 60, 600),
  };
};

const ledger = async (session: Session, options: LedgerOptions): Promise<number> => {
  const { parts, jobs, kills, rate, seconds } = options;
  const queued = parts.includes('queued')
    ? queuedReport(await measureQueued(session, { jobs, kills, replays: REPLAYS }), jobs)
    : NOTHING;
  const amplification = parts.includes('amplification')
    ? amplificationReport(await measureAmplification(session, { jobs, rate, seconds }), rate * seconds)
    : NOTHING;
  publish({
    bench: 'ledger',
    figures: { ...queued.figures, ...amplification.figures },
    ratios: { ...queued.ratios, ...amplification.ratios },
    aims: { ...queued.aims, ...amplification.aims },
  });
  return 0;
};

interface Report {
  readonly figures: Readonly<Record<string, Figure>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly aims: Readonly<Record<string, Aim>>;
}
const NOTHING: Report = { figures: {}, ratios: {}, aims: {} };

const queuedReport = (seen: QueuedFigures, jobs: number): Report => {
  const replayS = percentile(seen.replayMs, 0.5) / 1_000;
  const failoverS = percentile(seen.failoverMs, 0.99) / 1_000;
  return {
    figures: {
      queued_job_heap: { value: Math.round(seen.jobBytes), unit: 'bytes', n: jobs },
      submit: { value: Math.round(seen.fillPerSecond), unit: 'jobs/s', n: jobs },
      replay: { value: Number(replayS.toPrecision(4)), unit: 's', n: seen.replayMs.length },
      ...latencyFigures('failover', seen.failoverMs),
    },
    ratios: {},
    aims: {
      accept_heap: atMost(500, 'bytes', seen.jobBytes),
      goal_heap: atMost(300, 'bytes', seen.jobBytes),
      accept_replay: atMost(10, 's', replayS),
      goal_replay: atMost(5, 's', replayS),
      accept_failover_p99: atMost(3, 's', failoverS),
      goal_failover_p99: atMost(1, 's', failoverS),
    },
  };
};

const amplificationReport = (seen: AmplificationFigures, beside: number): Report => {
  const amplification = seen.writtenBytes / seen.neededBytes;
  const { jobs } = seen;
  return {
    figures: {
      written: { value: seen.writtenBytes, unit: 'bytes', n: jobs },
      needed: { value: seen.neededBytes, unit: 'bytes', n: jobs },
      beside_p50: { value: Number(seen.p50.toPrecision(4)), unit: 'ms', n: beside },
      beside_p99: { value: Number(seen.p99.toPrecision(4)), unit: 'ms', n: beside },
    },
    ratios: { write_amplification: amplification },
    aims: { accept_amplification: atMost(1.5, 'x', amplification) },
  };
};

await runScenario(async (session) => ledger(session, parseOptions(process.argv.slice(2))));
