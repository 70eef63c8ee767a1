/** What is measured of fairness, each as a run of its own on a virtual clock. */
import type { TenantId, ToolDefinition } from '@zerofleet/model';
import { CLASSES, LOWEST_RANK } from '@zerofleet/scheduler';
import {
  fairShares,
  isStarved,
  jain,
  LONGEST_MS,
  MEAN_MS,
  OPEN_KEYS,
  stream,
  toolAt,
  TOOLS,
  WEIGHTS,
  type Habits,
} from './population.js';
import { Random } from './random.js';
import type { SimJob } from './sim-job.js';
import { Simulation, type Start } from './simulation.js';

export const SLOTS = 64;
/** Every host has warm containers of these: of the others a start is cold. */
const WARM = TOOLS.slice(0, 10);
const simulate = (started: (start: Start) => void): Simulation =>
  new Simulation({ slots: SLOTS, tools: TOOLS, warm: WARM }, started);
/** How much more arrives than can be served, on the keys that are not starved. */
const OVERLOAD = 3;
/** Share of a run that is not measured. */
const WARM_UP = 0.2;

export interface Sharing {
  /** Of served runtime over weight, among tenants that wanted more than they could have. */
  readonly jain: number;
  /** Served runtime over what water filling grants, of all tenants. */
  readonly least: number;
  readonly most: number;
  /** How many wanted more than they could have. */
  readonly backlogged: number;
  readonly starts: number;
}

/** Zipf arrivals of `tenants`, for so long that the smallest weight gets `jobs` jobs. */
export const sharing = async (tenants: number, jobs: number, seed: number): Promise<Sharing> => {
  const random = new Random(seed);
  const weights = Array.from({ length: tenants }, (_, n) => WEIGHTS[n % WEIGHTS.length] ?? 1);
  const runMs = (jobs * MEAN_MS * weights.reduce((sum, weight) => sum + weight, 0)) / SLOTS;
  const fromMs = runMs * WARM_UP;
  const served = weights.map(() => 0);
  const wanted = weights.map(() => 0);
  const simulation = simulate(({ job, atMs }) => {
    const at = Number(job.tenant.slice(1));
    if (atMs >= fromMs) served[at] = (served[at] ?? 0) + job.ranMs;
    else wanted[at] = (wanted[at] ?? 0) - job.ranMs;
  });
  const ranks = shuffled(tenants, random);
  const harmonic = ranks.reduce((sum, rank) => sum + 1 / (rank + 1), 0);
  // A quarter of what arrives is for starved keys.
  const perMs = (OVERLOAD * SLOTS) / MEAN_MS / 0.75;
  ranks.forEach((rank, at) => {
    simulation.setWeight(`t${at}` as TenantId, weights[at] ?? 1);
    const gapMs = (harmonic * (rank + 1)) / perMs;
    const jobsOf = stream(`t${at}`, new Random(seed + 1 + at), gapMs, {
      rank: () => random.below(CLASSES.length),
    });
    simulation.feed(() => {
      const job = jobsOf();
      if (job !== undefined && !isStarved(job) && job.arrivedMs < runMs)
        wanted[at] = (wanted[at] ?? 0) + job.ranMs;
      return job;
    });
  });
  await simulation.run(runMs);
  const capacity = served.reduce((sum, one) => sum + one, 0);
  const fair = fairShares(wanted, weights, capacity);
  const ratios = served.flatMap((one, at) => ((fair[at] ?? 0) > LONGEST_MS ? [one / (fair[at] ?? 1)] : []));
  const isBacklogged = (at: number): boolean => (fair[at] ?? 0) < 0.999 * (wanted[at] ?? 0);
  return {
    jain: jain(served.flatMap((one, at) => (isBacklogged(at) ? [one / (weights[at] ?? 1)] : []))),
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    backlogged: served.filter((_, at) => isBacklogged(at)).length,
    starts: simulation.starts,
  };
};

const shuffled = (length: number, random: Random): number[] => {
  const items = Array.from({ length }, (_, n) => n);
  for (let n = length - 1; n > 0; n -= 1) {
    const other = random.below(n + 1);
    [items[n], items[other]] = [items[other] ?? 0, items[n] ?? 0];
  }
  return items;
};

export interface Flood {
  /** Waits of the light tenant's jobs, ms. */
  readonly waitsMs: readonly number[];
  /** Waits beyond the first slot that came free, ms. */
  readonly excessMs: readonly number[];
}

/** A light tenant's jobs while another has `flood` of its own waiting. */
export const flooded = async (flood: number, lightJobs: number, seed: number): Promise<Flood> => {
  const random = new Random(seed);
  const waitsMs: number[] = [];
  const excessMs: number[] = [];
  let lastFloodMs = 0;
  const simulation = simulate(({ job, atMs }) => {
    if (job.tenant !== 'light') {
      lastFloodMs = atMs;
      return;
    }
    waitsMs.push(atMs - job.arrivedMs);
    // A job of the flood that started while this one waited took its slot.
    excessMs.push(Math.max(0, lastFloodMs - job.arrivedMs));
  });
  const { name: tool } = toolAt(0);
  const one = {
    tenant: 'flood' as TenantId,
    tool,
    class: 'normal',
    session: undefined,
    arrivedMs: 0,
  } as const;
  const jobs: SimJob[] = [];
  for (let made = 0; made < flood; made += 1)
    jobs.push({ ...one, ranMs: Math.round(random.between(50, LONGEST_MS)) });
  await simulation.submit(jobs);
  const gapMs = 500;
  const light = stream('light', new Random(seed + 1), gapMs, { tool: () => toolAt(0) });
  let n = 0;
  simulation.feed(() => ((n += 1) <= lightJobs ? light() : undefined));
  await simulation.run(gapMs * lightJobs * 1.1);
  return { waitsMs, excessMs };
};

/** Share of decisions of a lowest class of `low` tenants while `high` tenants have work in the others, without end. */
export const lowestShare = async (
  high: number,
  low: number,
  starts: number,
  seed: number,
): Promise<number> => {
  let lowStarts = 0;
  let all = 0;
  const simulation = simulate(({ job }) => {
    all += 1;
    if (job.class === CLASSES[LOWEST_RANK]) lowStarts += 1;
  });
  const untilMs = (starts * MEAN_MS) / SLOTS;
  const gapMs = ((high + low) * MEAN_MS) / SLOTS / OVERLOAD;
  for (let n = 0; n < high + low; n += 1) {
    const rank = n < high ? n % LOWEST_RANK : LOWEST_RANK;
    // The few of the lowest class always have work: that there is none would say nothing about its turn.
    const each = n < high ? gapMs : (low * MEAN_MS) / SLOTS / OVERLOAD;
    const tool = (): ToolDefinition => toolAt(n % OPEN_KEYS);
    simulation.feed(stream(`t${n}`, new Random(seed + n), each, { rank: () => rank, tool }));
  }
  await simulation.run(untilMs);
  return lowStarts / all;
};

/** How tenants try to get more than their share. */
export const TRICKS: Readonly<Record<string, Habits>> = {
  keys: { tool: (n) => toolAt(n % OPEN_KEYS) },
  sessions: { session: (n) => `s${n % 200}` },
  classes: { rank: (n) => n % CLASSES.length },
  highest_class: { rank: () => 0 },
};

/** Runtime that one of `tenants` gets who all want more than their share, when it has these habits. */
export const served = async (
  habits: Habits,
  tenants: number,
  starts: number,
  seed: number,
): Promise<number> => {
  let own = 0;
  let all = 0;
  const untilMs = (starts * MEAN_MS) / SLOTS;
  const simulation = simulate(({ job, atMs }) => {
    if (atMs < untilMs * WARM_UP) return;
    all += job.ranMs;
    if (job.tenant === 't0') own += job.ranMs;
  });
  const gapMs = (tenants * MEAN_MS) / SLOTS / OVERLOAD;
  const plain: Habits = { tool: () => toolAt(0) };
  for (let n = 0; n < tenants; n += 1)
    simulation.feed(stream(`t${n}`, new Random(seed + n), gapMs, n === 0 ? { ...plain, ...habits } : plain));
  await simulation.run(untilMs);
  return own / all;
};
