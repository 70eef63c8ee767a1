/** Queues very many jobs. */
import type { JobExtras, JsonObject } from '@zerofleet/model';
import type { NatsConnection } from '@zerofleet/runtime';
import { envelope, submitJobs } from '../queue/jobs.js';

/** Jobs in a call, as gateways send them under load, and calls under way. */
const BATCH = 256;
const CALLS = 4;

export interface FillOptions {
  readonly jobs: number;
  readonly extras?: JobExtras;
  readonly args?: JsonObject;
  readonly signal: AbortSignal;
}

/** Submits `jobs` jobs; returns how long it took until the last was on record, in ms. Throws when one is not. */
export const fill = async (connection: NatsConnection, options: FillOptions): Promise<number> => {
  const { jobs, extras, args, signal } = options;
  const began = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < jobs && !signal.aborted) {
      const count = Math.min(BATCH, jobs - next);
      next += count;
      await submitJobs(
        connection,
        Array.from({ length: count }, () => envelope(extras ?? null, args)),
      );
    }
  };
  await Promise.all(Array.from({ length: CALLS }, caller));
  if (signal.aborted) throw signal.reason as Error;
  return performance.now() - began;
};
