/** Why a job waits, for its tenant: the scheduler's word on one that may start, its time for one that may not yet. */
import type { Wait } from '@zerofleet/protocol';
import type { FairScheduler } from '@zerofleet/scheduler';
import type { JobRecord } from './job-record.js';

/** Null for a job that does not wait. `nowMs`: Unix ms. */
export const waitOf = (record: JobRecord, ready: FairScheduler<JobRecord>, nowMs: number): Wait => {
  const { state } = record;
  if (state.kind !== 'queued') return null;
  const told = ready.why(record, nowMs);
  if (told !== undefined) {
    const { reason, quota, position, waitMs } = told;
    return { reason, quota, position, waitMs: waitMs === null ? null : Math.max(Math.round(waitMs), 0) };
  }
  // A job of a tool that no release here defines waits for one that does.
  if (state.dueAtMs === null) return { reason: 'placement', quota: null, position: 0, waitMs: null };
  return { reason: 'due', quota: null, position: 0, waitMs: Math.max(state.dueAtMs - nowMs, 0) };
};
