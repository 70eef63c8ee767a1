/** The pool under single-use jobs: its refill rate, hits at a share of it, hits in a step, and what a miss costs. */
import { startEmbedded, type EmbeddedFleet, type Session } from '@zerofleet/launch';
import { say } from '../../shared/output.js';
import { atLeast, atMost, type Figure } from '../../shared/report.js';
import type { Random } from '../fairness/random.js';
import { figure, median, percent, short, type Part } from './part.js';
import { SingleUse, type PoolWindow } from './single-use.js';
import { Spread } from './worker-metrics.js';

/** Of the refill rate: above it single-use stock has no time to recover. */
const LOAD = 0.7;
const STEP = 4;
/** Jobs at a time that keep every start busy. */
const FLAT_JOBS = 8;
/** Before a window, so many seconds of the same load: stock has found its size. */
const SETTLE_S = 20;
/** Each of the jobs of a run has a tenant of its own. */
const TENANTS = 1_500;

export interface PoolOptions {
  /** Seconds at the refill rate, and at a share of it. */
  readonly seconds: number;
  /** Steps, and how long each is, in s. */
  readonly steps: number;
  readonly stepSeconds: number;
}

export const poolPart = async (session: Session, options: PoolOptions, random: Random): Promise<Part> => {
  const fleet = await startEmbedded(session, {
    mode: 'warm',
    tenants: Array.from({ length: TENANTS }, (_, n) => `tenant-${n}`),
    env: { ZF_REUSE_USES: '1', ZF_WORKER_MEMORY_MIB: '8192' },
  });
  const jobs = new SingleUse(fleet, session.signal);
  try {
    const flat = await jobs.flat(FLAT_JOBS, options.seconds);
    const refill = flat.starts / flat.seconds;
    say(`  refill: ${short(refill)} starts/s; a job that waits has its container after ${missLine(flat)}`);
    const rate = LOAD * refill;
    await afresh(fleet);
    await jobs.arrivals(rate, SETTLE_S, random);
    const steady = await jobs.arrivals(rate, options.seconds, random);
    say(`  ${short(rate)} jobs/s: ${hitLine(steady)}`);
    const steps: PoolWindow[] = [];
    for (let n = 0; n < options.steps; n += 1) {
      await afresh(fleet);
      await jobs.arrivals(rate / STEP, SETTLE_S, random);
      const step = await jobs.arrivals(rate, options.stepSeconds, random);
      steps.push(step);
      say(`  step from ${short(rate / STEP)} to ${short(rate)} jobs/s: ${hitLine(step)}`);
    }
    return partOf(flat, steady, steps);
  } finally {
    jobs.close();
    await fleet.stop();
  }
};

/** A worker that has not seen the load before: what it expects is what a window's own load taught it. */
const afresh = async (fleet: EmbeddedFleet): Promise<void> => {
  await fleet.part('worker').restart();
};

const missLine = ({ misses }: PoolWindow): string =>
  `${short(misses.quantileMs(0.5))} / ${short(misses.quantileMs(0.95))} ms (p50, p95)`;

const hitLine = (window: PoolWindow): string =>
  [
    `${window.hits} of ${window.claims} found one ready (${percent(shareOf([window]))})`,
    `${window.stock} stood ready at first`,
    `machine busy ${percent(window.busy)}`,
    ...(window.misses.n === 0 ? [] : [`a miss ${missLine(window)}`]),
  ].join('; ');

const shareOf = (windows: readonly PoolWindow[]): number => {
  const sum = (of: 'hits' | 'claims'): number => windows.reduce((total, one) => total + one[of], 0);
  return sum('hits') / sum('claims');
};

const partOf = (flat: PoolWindow, steady: PoolWindow, steps: readonly PoolWindow[]): Part => {
  const misses = [steady, ...steps].reduce((total, one) => total.plus(one.misses), new Spread());
  const hits = (windows: readonly PoolWindow[]): Figure =>
    figure(
      100 * shareOf(windows),
      windows.reduce((total, { claims }) => total + claims, 0),
      '%',
    );
  // Where hardly anything missed, the jobs that waited for the busiest refill say what a miss costs at worst.
  const missP95 = misses.n === 0 ? flat.misses.quantileMs(0.95) : misses.quantileMs(0.95);
  return {
    figures: {
      refill: figure(flat.starts / flat.seconds, flat.starts, 'starts/s'),
      waiting_p95_at_refill: figure(flat.misses.quantileMs(0.95), flat.misses.n, 'ms'),
      steady_rate: figure(steady.claims / steady.seconds, steady.claims, 'jobs/s'),
      steady_hits: hits([steady]),
      step_hits: hits(steps),
      step_stock: figure(median(steps.map(({ stock }) => stock)), steps.length, 'containers'),
      ...(misses.n === 0 ? {} : { miss_p95: figure(misses.quantileMs(0.95), misses.n, 'ms') }),
    },
    ratios: {},
    aims: {
      accept_steady_hits: atLeast(99, '%', 100 * shareOf([steady])),
      accept_step_hits: atLeast(95, '%', 100 * shareOf(steps)),
      accept_miss_p95: atMost(500, 'ms', missP95),
    },
  };
};
