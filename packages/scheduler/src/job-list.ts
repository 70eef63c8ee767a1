/** Jobs in a row, linked through themselves: O(1) at both ends and to take any out. A job is in one list at a time. */
import type { QueuedJob } from './queued-job.js';

export class JobList {
  first: QueuedJob | null = null;
  last: QueuedJob | null = null;

  push(job: QueuedJob): void {
    job.before = this.last;
    if (this.last === null) this.first = job;
    else this.last.after = job;
    this.last = job;
  }

  unshift(job: QueuedJob): void {
    job.after = this.first;
    if (this.first === null) this.last = job;
    else this.first.before = job;
    this.first = job;
  }

  remove(job: QueuedJob): void {
    const { before, after } = job;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.last = before;
    else after.before = before;
    job.before = null;
    job.after = null;
  }
}
