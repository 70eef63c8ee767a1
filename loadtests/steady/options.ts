/** What the steady scenario is asked on its command line. */
import { OptionError, targetOf, valuesIn, whole, type Target } from '../shared/options.js';
import { RATE_MAX } from './plan.js';
import { WORKLOADS, type Workload } from './workloads.js';

const RATE_DEFAULT = 50;
const DURATION_S_DEFAULT = 30;
const DURATION_S_MAX = 600;
const OUTCOME_S_DEFAULT = 60;

export interface SteadyOptions {
  /** The fleet to load; undefined starts an embedded one. */
  readonly target: Target | undefined;
  /** Submissions a second. */
  readonly rate: number;
  readonly durationS: number;
  readonly workload: Workload;
  /** How long the audit waits for outcomes after the load, in s. */
  readonly outcomeS: number;
}

/** The options in `words`. Throws OptionError. */
export const parseOptions = (words: readonly string[], env: NodeJS.ProcessEnv): SteadyOptions => {
  const values = valuesIn(words, ['url', 'key-file', 'rate', 'duration-s', 'tool', 'outcome-s']);
  const tool = values.tool ?? 'echo';
  const workload = WORKLOADS.get(tool);
  if (workload === undefined)
    throw new OptionError(`--tool must be one of ${[...WORKLOADS.keys()].join(', ')}, not '${tool}'`);
  return {
    target: targetOf(values, env),
    rate: whole('--rate', values.rate, RATE_DEFAULT, RATE_MAX),
    durationS: whole('--duration-s', values['duration-s'], DURATION_S_DEFAULT, DURATION_S_MAX),
    workload,
    outcomeS: whole('--outcome-s', values['outcome-s'], OUTCOME_S_DEFAULT, DURATION_S_MAX),
  };
};
