/**
 * The jobs of one session: one at a time, in the order they came.
 *
 * E1  `turn` is the only job of the session that may be chosen or run; it keeps the turn while it waits to be tried again.
 */
import { JobList } from './job-list.js';
import type { QueuedJob } from './queued-job.js';

export class Session {
  readonly name: string;
  turn: QueuedJob | null = null;
  steps = -1;
  firstMs = 0;
  lastMs = 0;
  readonly line = new JobList();

  constructor(name: string) {
    this.name = name;
  }

  /** The next job gets the turn; undefined when there is none. */
  pass(): QueuedJob | undefined {
    const next = this.line.first;
    this.turn = next;
    if (next === null) return undefined;
    this.line.remove(next);
    return next;
  }
}
