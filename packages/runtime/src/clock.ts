/** Time as a port: everything that waits takes a Clock, so tests and the simulation can drive it by hand. */

/** Cancels a timer; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Monotonic milliseconds, for durations and deadlines. Never compared between hosts. */
  nowMs(): number;
  /** Unix milliseconds, for people. May jump. */
  wallMs(): number;
  /** Calls `fire` once, `delayMs` from now at the earliest. */
  after(delayMs: number, fire: () => void): Cancel;
}

/** The process's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Calls `tick` every `everyMs` until cancelled; the next turn is set after the last one returned. */
export const every = (clock: Clock, everyMs: number, tick: () => void): Cancel => {
  let cancel: Cancel = () => undefined;
  let live = true;
  const turn = (): void => {
    tick();
    if (live) cancel = clock.after(everyMs, turn);
  };
  cancel = clock.after(everyMs, turn);
  return () => {
    live = false;
    cancel();
  };
};

/** Resolves after `delayMs` of `clock`, or at once when `signal` is aborted. */
export const pause = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
