/** A message of the timer stream: jobs due far ahead, whole, as they stood when they were parked. */
import type { JobState, StoredJob } from '@zerofleet/model';
import { decodeCommit, encodeCommit } from './ledger.js';
import type { Parsed } from './parse.js';

/** A job of a page with the state it was parked in. */
export interface ParkedJob {
  readonly job: StoredJob;
  readonly state: Extract<JobState, { kind: 'queued' }>;
}

/** A page is written like a commit of `carried` events, so that it is read, checked and versioned like one. */
export const encodePage = (jobs: readonly ParkedJob[]): Uint8Array =>
  encodeCommit({
    v: 2,
    epoch: 0,
    batch: 0,
    atMs: 0,
    projected: 0,
    events: jobs.map(({ job, state }) => ({ kind: 'carried', job, state })),
  });

/** The jobs of a page, or why this release cannot read it. */
export const decodePage = (bytes: Uint8Array): Parsed<readonly ParkedJob[]> => {
  const parsed = decodeCommit(bytes);
  if (!parsed.ok) return parsed;
  const jobs: ParkedJob[] = [];
  for (const event of parsed.value.events)
    if (event.kind === 'carried' && event.state.kind === 'queued')
      jobs.push({ job: event.job, state: event.state });
  return { ok: true, value: jobs };
};
