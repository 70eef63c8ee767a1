/**
 * How often something happens, as seen of late: from the first to the last time of a window that forgets its older half when
 * it is full. Whole numbers in the record itself, as there may be a hundred thousand of them.
 */

export interface Cadence {
  /** From the first to the last time; -1 before there was one. */
  steps: number;
  firstMs: number;
  lastMs: number;
}

/** Steps of a full window. */
const STEPS_MAX = 64;
/** Steps before anything is said. */
const STEPS_MIN = 4;
/** A gap of so many intervals is a stop, and what comes after it a new beginning. */
const STOP_INTERVALS = 16;

/** It happened. `nowMs` is a whole number. */
export const beat = (cadence: Cadence, nowMs: number): void => {
  const { steps, firstMs, lastMs } = cadence;
  cadence.lastMs = nowMs;
  if (steps < 0 || hasStopped(steps, firstMs, lastMs, nowMs)) {
    cadence.steps = 0;
    cadence.firstMs = nowMs;
  } else if (steps < STEPS_MAX) cadence.steps = steps + 1;
  else {
    cadence.steps = (steps >> 1) + 1;
    cadence.firstMs = firstMs + ((lastMs - firstMs) >> 1);
  }
};

/** The time from the last time to now does not count. */
export const skip = (cadence: Cadence, nowMs: number): void => {
  cadence.firstMs += nowMs - cadence.lastMs;
  cadence.lastMs = nowMs;
};

/** Mean time between two times, ms; null while too little was seen, or when it stopped. */
export const intervalOf = ({ steps, firstMs, lastMs }: Cadence, nowMs: number): number | null =>
  steps < STEPS_MIN || hasStopped(steps, firstMs, lastMs, nowMs) ? null : (lastMs - firstMs) / steps;

const hasStopped = (steps: number, firstMs: number, lastMs: number, nowMs: number): boolean =>
  steps >= STEPS_MIN &&
  (nowMs - lastMs) * steps > STOP_INTERVALS * (lastMs - firstMs) + steps * STOP_INTERVALS;
