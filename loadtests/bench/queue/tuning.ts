/** Where each system is fastest, as found by trying: more under way brings no more jobs a second, only latency. */
import type { Durability, SystemName } from './client.js';
import type { Tuning } from './contestant.js';

export const TUNING: Readonly<Record<Durability, Readonly<Record<SystemName, Tuning>>>> = {
  synced: {
    zerofleet: { concurrency: 1_024, inFlight: 4_096 },
    bullmq: { concurrency: 64, inFlight: 4_096 },
    jetstream: { concurrency: 4_096, inFlight: 1_024 },
  },
  lazy: {
    zerofleet: { concurrency: 1_024, inFlight: 4_096 },
    bullmq: { concurrency: 256, inFlight: 4_096 },
    jetstream: { concurrency: 1_024, inFlight: 1_024 },
  },
};
