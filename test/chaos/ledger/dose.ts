/** How much chaos under how many jobs. What happens when is fixed by the number of jobs accepted, not by a clock. */

export type Deed = 'leader killed' | 'leader paused' | 'NATS killed' | 'Redis flushed' | 'worker killed';

export interface Dose {
  /** Jobs accepted, at least; more until the last deed is done. */
  readonly jobs: number;
  readonly tenants: number;
  readonly coordinators: number;
  readonly workers: number;
  /** Submissions in flight, at most. */
  readonly inFlight: number;
  readonly pauseMs: number;
  readonly times: Readonly<Record<Deed, number>>;
}

const JOBS_DEFAULT = 10_000;
/** From so many jobs on the dose is the full one. */
const FULL_FROM = 100_000;

const COMMON = { tenants: 50, coordinators: 3, workers: 3, inFlight: 128 } as const;

/** The dose for ZF_CHAOS_JOBS, which is empty for the small one. */
export const doseFor = (text = ''): Dose => {
  const jobs = text === '' ? JOBS_DEFAULT : Number(text);
  if (!Number.isInteger(jobs) || jobs < 100) throw new Error('ZF_CHAOS_JOBS must be a whole number from 100');
  if (jobs < FULL_FROM) return { ...COMMON, jobs, pauseMs: 5_000, times: timesOf([4, 1, 1, 1, 2]) };
  return { ...COMMON, jobs, pauseMs: 15_000, times: timesOf([20, 2, 5, 2, 6]) };
};

const timesOf = ([leader, pause, nats, redis, worker]: readonly [
  number,
  number,
  number,
  number,
  number,
]) => ({
  'leader killed': leader,
  'leader paused': pause,
  'NATS killed': nats,
  'Redis flushed': redis,
  'worker killed': worker,
});

export interface Step {
  readonly deed: Deed;
  /** Done once so many jobs are accepted. */
  readonly afterJobs: number;
}

/** The deeds mixed, each kind evenly over the run, from 3 % of the jobs to 95 %. */
export const stepsOf = (dose: Dose): readonly Step[] => {
  const deeds = Object.entries(dose.times).flatMap(([deed, times]) =>
    Array.from({ length: times }, (_, n) => ({ deed: deed as Deed, at: (n + 0.5) / times })),
  );
  deeds.sort((a, b) => a.at - b.at);
  const share = (n: number): number => 0.03 + (0.92 * n) / Math.max(1, deeds.length - 1);
  return deeds.map(({ deed }, n) => ({ deed, afterJobs: Math.floor(dose.jobs * share(n)) }));
};
