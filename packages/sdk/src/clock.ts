/** Time as a port: everything in the SDK that waits takes a clock, so tests drive it by hand. */

/** Cancels a timer; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

export interface SdkClock {
  /** Monotonic milliseconds, for durations. */
  nowMs(): number;
  /** Calls `fire` once, `delayMs` from now at the earliest. */
  after(delayMs: number, fire: () => void): Cancel;
}

/** The process's own clock. */
export const systemClock: SdkClock = {
  nowMs: () => performance.now(),
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it is aborted. */
export const pause = (clock: SdkClock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(reasonOf(signal));
    const onAbort = (): void => {
      cancel();
      if (signal !== undefined) reject(reasonOf(signal));
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });

/** Throws what the caller aborted with, if the caller did. */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted === true) throw reasonOf(signal);
};

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error
    ? signal.reason
    : new DOMException('This operation was aborted', 'AbortError');
