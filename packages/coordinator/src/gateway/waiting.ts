/** Long polls: waits until a job is final, the time is over, or the caller hangs up. */
import type { JobId } from '@zerofleet/model';
import { WAIT_MS_MAX } from '@zerofleet/model';
import { FINAL_STAGES } from '@zerofleet/protocol';
import type { JobFeed } from '../engine/job-feed.js';
import type { JobSnapshot } from '../engine/ports.js';
import { stageOf } from './views.js';

/** `30s`, `500ms` or `30` (seconds) as ms; undefined when it is none of these or over WAIT_MS_MAX. */
export const parseWait = (text: string): number | undefined => {
  const match = /^(\d{1,6})(ms|s)?$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (match[2] === 'ms' ? 1 : 1_000);
  return ms <= WAIT_MS_MAX ? ms : undefined;
};

/** The newest state of `job` after at most `waitMs`; at once when it is final already. */
export const waitForEnd = (
  feed: JobFeed,
  job: JobSnapshot,
  waitMs: number,
  signal: AbortSignal,
): Promise<JobSnapshot> => {
  const id: JobId = job.envelope.id;
  const known = feed.recent(id) ?? job;
  if (waitMs === 0 || signal.aborted || FINAL_STAGES.has(stageOf(known))) return Promise.resolve(known);
  return new Promise((resolve) => {
    let newest = known;
    const end = (): void => {
      unlisten();
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(newest);
    };
    const unlisten = feed.listen(id, (change) => {
      newest = change;
      if (FINAL_STAGES.has(stageOf(change))) end();
    });
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end, { once: true });
  });
};
