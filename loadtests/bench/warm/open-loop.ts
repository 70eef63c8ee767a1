/**
 * Independent arrivals at a rate, whether the fleet keeps up or not.
 *
 * O1  A slow job delays no other: each is sent when it is due, as near as the process's timers come. How much later they
 *     were sent is part of the result, so that a stalled client is not taken for a slow fleet, nor hides one.
 */
import type { Random } from '../fairness/random.js';

const MS_PER_S = 1_000;

export interface OpenLoad {
  /** Arrivals a second, at random times (Poisson). */
  readonly rate: number;
  readonly seconds: number;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Sends the job with number `n`. */
  readonly send: (n: number) => Promise<void>;
}

/** Sends all and waits for each; how late each was sent, in ms. Throws what the first failing `send` threw. */
export const openLoop = async ({ rate, seconds, random, signal, send }: OpenLoad): Promise<number[]> => {
  const began = performance.now();
  const endMs = began + seconds * MS_PER_S;
  const lateMs: number[] = [];
  const sent: Promise<void>[] = [];
  const broken = new AbortController();
  let dueMs = began + random.gap(MS_PER_S / rate);
  while (dueMs < endMs && !broken.signal.aborted) {
    await until(dueMs);
    signal.throwIfAborted();
    lateMs.push(performance.now() - dueMs);
    const job = send(sent.length);
    job.catch(() => broken.abort());
    sent.push(job);
    dueMs += random.gap(MS_PER_S / rate);
  }
  await Promise.all(sent);
  return lateMs;
};

const until = async (atMs: number): Promise<void> => {
  for (let leftMs = atMs - performance.now(); leftMs > 0; leftMs = atMs - performance.now())
    await new Promise((resolve) => setTimeout(resolve, leftMs));
};
