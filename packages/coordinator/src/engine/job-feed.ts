/**
 * Who listens to which job, and the jobs that finished just now.
 *
 * Listeners hear committed states only, in order. The recent ones bridge the time between an outcome's commit and
 * its projection being readable, and serve the usual reader who asks right after the end.
 */
import type { JobId, JobState } from '@zerofleet/model';
import type { JobSnapshot } from './ports.js';

/** Finished jobs that are kept for readers who come at once, at least. An outcome is usually a few hundred bytes. */
export const RECENT_MIN = 1_024;

export class JobFeed {
  private readonly listeners = new Map<JobId, Set<(job: JobSnapshot) => void>>();
  /** The newest RECENT_MIN at most, and as many before them. */
  private finished = new Map<JobId, JobSnapshot>();
  private older = new Map<JobId, JobSnapshot>();

  /** Listeners there are. */
  get size(): number {
    return this.listeners.size;
  }

  /** Calls `listener` at every commit of the job until the returned function is called. */
  listen(id: JobId, listener: (job: JobSnapshot) => void): () => void {
    const set = this.listeners.get(id) ?? new Set();
    set.add(listener);
    this.listeners.set(id, set);
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(id) === set) this.listeners.delete(id);
    };
  }

  /** Whether a change of the job to `state` is of interest to anyone: a replay need not tell of every job there is. */
  wants(id: JobId, state: JobState): boolean {
    return state.kind === 'finished' || this.listeners.has(id);
  }

  recent(id: JobId): JobSnapshot | undefined {
    return this.finished.get(id) ?? this.older.get(id);
  }

  publish(job: JobSnapshot): void {
    const { id } = job.envelope;
    if (job.state.kind === 'finished') this.remember(id, job);
    for (const listener of [...(this.listeners.get(id) ?? [])]) listener(job);
  }

  private remember(id: JobId, job: JobSnapshot): void {
    this.finished.set(id, job);
    if (this.finished.size < RECENT_MIN) return;
    this.older = this.finished;
    this.finished = new Map();
  }
}
