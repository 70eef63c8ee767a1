/**
 * What an attack does to its neighbours' latency, as a verdict.
 *
 * L1  The bound: the p99 during the attack is at most twice the p99 before it, or 20 ms above that, whichever is more.
 * L2  A p99 is a nearest rank of at least SAMPLES_MIN samples, all of them: none is left out, and a job that failed counts as
 *     one that took for ever.
 */

/** One job of a neighbour: when it was due, and how long after that its outcome was there. `ms` is Infinity if it failed. */
export interface Sample {
  readonly dueAtMs: number;
  readonly ms: number;
}

/** Samples of a window, at least: the p99 is then the third longest or a longer rank. */
export const SAMPLES_MIN = 200;
const TIMES = 2;
const MORE_MS = 20;

/** The `q` quantile of `values` by nearest rank; NaN of none. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
};

export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const summaryOf = (samples: readonly Sample[]): Summary => {
  const values = samples.map(({ ms }) => ms);
  return {
    count: values.length,
    p50: quantile(values, 0.5),
    p99: quantile(values, 0.99),
    max: quantile(values, 1),
  };
};

export interface Verdict {
  readonly quiet: Summary;
  readonly attacked: Summary;
  /** What `attacked.p99` may be, in ms. */
  readonly limitMs: number;
  readonly held: boolean;
}

/** Judges the samples of an attack by those of the quiet before it (L1). Throws when there are too few. */
export const judge = (quiet: readonly Sample[], attacked: readonly Sample[]): Verdict => {
  if (quiet.length < SAMPLES_MIN || attacked.length < SAMPLES_MIN)
    throw new Error(`${quiet.length} and ${attacked.length} samples say nothing of a p99`);
  const [before, during] = [summaryOf(quiet), summaryOf(attacked)];
  const limitMs = Math.max(TIMES * before.p99, before.p99 + MORE_MS);
  // A quiet fleet that loses jobs has no bound to hold.
  const held = Number.isFinite(limitMs) && during.p99 <= limitMs && during.max < Infinity;
  return { quiet: before, attacked: during, limitMs, held };
};
