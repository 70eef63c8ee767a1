/**
 * A job as the fair scheduler holds it: the engine's own record, by identity. There may be a million of them, so what the
 * scheduler needs to know of a waiting job stands in the record itself; no node, no map entry and no closure is made for it.
 */
import type { JobExtras, JobId, JobTemplate } from '@zerofleet/model';
import type { Flow } from './flow.js';
import type { Lease } from './lease.js';
import type { Need } from './placement.js';

/**
 * `out`: not in the scheduler. `listed`: in the list of its flow; `ahead`: in front of that list. `held`: waits for the job
 * before it in its session. `running`: was handed out, or adopted, and has not ended.
 */
export type Standing = 'out' | 'listed' | 'ahead' | 'held' | 'running';

/** What the engine's record extends. The fields that are not abstract are the scheduler's alone. */
export abstract class QueuedJob {
  abstract readonly id: JobId;
  abstract readonly template: JobTemplate;
  abstract readonly need: Need;
  /** Execution time of one attempt, at most, ms. */
  abstract readonly timeoutMs: number;
  abstract readonly extras: JobExtras | null;

  standing: Standing = 'out';
  flow: Flow | null = null;
  before: QueuedJob | null = null;
  after: QueuedJob | null = null;
  /** Its turn among all jobs: by arrival; negative when it was put in front. */
  seq = 0;
  /** When it began to wait, ms since the scheduler's first call. */
  sinceMs = 0;
  lease: Lease | null = null;
}
