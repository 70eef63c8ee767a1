/** A steady run as a table for people and a document for programs. */
import { commit, machine } from '../shared/origin.js';
import { table } from '../shared/output.js';
import type { AuditResult } from './audit.js';
import { Latency, type Percentiles } from './latency.js';
import type { LoadResult } from './load.js';
import type { SteadyOptions } from './options.js';
import { omittedOf, type Verdict } from './verdict.js';

export interface SteadyRun {
  readonly options: SteadyOptions;
  readonly load: LoadResult;
  readonly audit: AuditResult;
  readonly verdict: Verdict;
}

/** The document for loadtests/results/steady.json. */
export const documentOf = ({ options, load, audit, verdict }: SteadyRun) => {
  const latency = Latency.decode(load.latency);
  return {
    scenario: 'steady',
    commit: commit(),
    machine: machine(),
    asked: { rate: options.rate, durationS: options.durationS, tool: options.workload.tool },
    load: {
      offered: load.offered,
      omitted: omittedOf(load),
      ...load.counts,
      unreadable: load.unreadable,
      statuses: load.statuses,
    },
    acceptanceMs: { corrected: latency.percentiles('corrected'), raw: latency.percentiles('raw') },
    histograms: load.latency,
    audit,
    ...verdict,
  };
};

/** The table for people. */
export const tableOf = ({ load, audit, verdict }: SteadyRun): string => {
  const latency = Latency.decode(load.latency);
  const { counts } = load;
  const numbers = (row: Record<string, number>): string =>
    table([Object.keys(row), Object.values(row).map(String)]);
  return [
    'submissions',
    numbers({ offered: load.offered, omitted: omittedOf(load), ...counts }),
    '',
    'acceptance latency, ms',
    table([
      ['', 'n', 'p50', 'p90', 'p99', 'p99.9', 'max'],
      percentileRow('as an open system sees it', latency.percentiles('corrected')),
      percentileRow('as measured', latency.percentiles('raw')),
    ]),
    '',
    'audit, id by id',
    numbers({
      audited: audit.audited,
      right: audit.right,
      doubled: audit.doubled,
      'no outcome': audit.withoutOutcome,
      wrong: audit.wrong,
      'started again': audit.retried,
    }),
    ...audit.examples.map((example) => `  ${example}`),
    '',
    [verdict.verdict, ...verdict.reasons].join(': '),
  ].join('\n');
};

const percentileRow = (name: string, { n, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: Percentiles): string[] => [
  name,
  String(n),
  ...[p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(2)),
];
