/**
 * A day of jobs, drawn by a seed after what is published of such traces ("Serverless in the Wild", ATC '20): rates of tools
 * over five decades, most of them rare; schedules; jobs that come in bursts; agents that call several tools at once.
 */
import { Prng } from '@zerofleet/testkit';

export interface Arrival {
  readonly atMs: number;
  readonly tool: number;
  readonly tenant: number;
  readonly runMs: number;
}

const MS_PER_S = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const TENANTS = 100;

/** The draws of a trace. */
class Draws {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  unit(): number {
    return (this.prng.next() + 1) / (2 ** 32 + 1);
  }

  exponential(mean: number): number {
    return -mean * Math.log(this.unit());
  }

  /** Between the two, evenly over their decades. */
  decade(from: number, to: number): number {
    return from * (to / from) ** this.unit();
  }

  pick<T>(items: readonly T[]): T {
    return this.prng.pick(items);
  }

  /** Few tenants have most of the jobs. */
  tenant(): number {
    return Math.floor(TENANTS ** this.unit()) - 1;
  }
}

/** Tools by what calls them, as shares of a fleet's tools. */
export const KINDS = { steady: 12, bursty: 12, scheduled: 16, agents: 8, rare: 12 } as const;
export const TOOLS = Object.values(KINDS).reduce((sum, count) => sum + count, 0);

/** A day of arrivals in their order. */
export const drawTrace = (seed: number): Arrival[] => {
  const draws = new Draws(seed);
  const arrivals: Arrival[] = [];
  let tool = 0;
  for (const [kind, count] of Object.entries(KINDS) as [keyof typeof KINDS, number][])
    for (let n = 0; n < count; n += 1) {
      const meanRunMs = draws.decade(100, 10_000);
      const call = (atMs: number, tenant: number): void => {
        if (atMs < DAY_MS) arrivals.push({ atMs, tool, tenant, runMs: draws.exponential(meanRunMs) });
      };
      MAKERS[kind](draws, call);
      tool += 1;
    }
  return arrivals.sort((a, b) => a.atMs - b.atMs);
};

type Call = (atMs: number, tenant: number) => void;

const poisson = (
  draws: Draws,
  fromMs: number,
  untilMs: number,
  meanMs: number,
  at: (ms: number) => void,
): void => {
  for (let atMs = fromMs + draws.exponential(meanMs); atMs < untilMs; atMs += draws.exponential(meanMs))
    at(atMs);
};

const MAKERS: Record<keyof typeof KINDS, (draws: Draws, call: Call) => void> = {
  /** At random, from one in ten minutes to one a second, by many tenants. */
  steady: (draws, call) =>
    poisson(draws, 0, DAY_MS, draws.decade(MS_PER_S, 10 * MINUTE_MS), (atMs) => call(atMs, draws.tenant())),
  /** Nothing for long, then a few minutes of many calls by one tenant or by many. */
  bursty: (draws, call) => {
    const apartMs = draws.decade(20 * MINUTE_MS, 6 * HOUR_MS);
    const meanMs = draws.decade(200, 20 * MS_PER_S);
    poisson(draws, 0, DAY_MS, apartMs, (fromMs) => {
      const tenant = draws.unit() < 0.5 ? draws.tenant() : undefined;
      const untilMs = Math.min(DAY_MS, fromMs + draws.decade(10 * MS_PER_S, 5 * MINUTE_MS));
      poisson(draws, fromMs, untilMs, meanMs, (atMs) => call(atMs, tenant ?? draws.tenant()));
    });
  },
  /** Every so often, give or take a little, one call or a few at once; each time for the same tenant or for another. */
  scheduled: (draws, call) => {
    const everyMs = draws.pick([5, 10, 15, 20, 30, 30, 60, 60, 60, 120]) * MINUTE_MS;
    const jitterMs = draws.decade(MS_PER_S, everyMs / 20);
    const atOnce = draws.pick([1, 1, 1, 2, 4, 8]);
    const owner = draws.unit() < 0.7 ? draws.tenant() : undefined;
    for (let dueMs = draws.unit() * everyMs; dueMs < DAY_MS; dueMs += everyMs) {
      const tenant = owner ?? draws.tenant();
      const fromMs = dueMs + draws.unit() * jitterMs;
      for (let n = 0; n < atOnce; n += 1) call(fromMs + draws.unit() * 200, tenant);
    }
  },
  /** Agents at work: runs of turns, each with some calls at once. */
  agents: (draws, call) =>
    poisson(draws, 0, DAY_MS, draws.decade(2 * MINUTE_MS, 60 * MINUTE_MS), (fromMs) => {
      const tenant = draws.tenant();
      let atMs = fromMs;
      for (let turns = 1 + Math.floor(draws.exponential(5)); turns > 0; turns -= 1) {
        for (let calls = draws.pick([1, 1, 2, 3, 5]); calls > 0; calls -= 1)
          call(atMs + draws.unit() * 100, tenant);
        atMs += draws.exponential(20 * MS_PER_S);
      }
    }),
  /** At random, a few times a day. */
  rare: (draws, call) =>
    poisson(draws, 0, DAY_MS, draws.decade(HOUR_MS, 12 * HOUR_MS), (atMs) => call(atMs, draws.tenant())),
};
