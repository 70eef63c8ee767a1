/**
 * Where the last job of each session ran: the container that serves it is there, if it still lives. Remembered between its
 * jobs too, for the sessions that ran last.
 *
 * S1  A host is preferred, never required: a session does not wait for it. One that left and came back is taken for the same.
 */
import type { WorkerId } from '@zerofleet/model';
import type { QueuedJob } from './queued-job.js';

/** Sessions whose host is remembered. */
export const SESSION_HOSTS_MAX = 100_000;

export class SessionHosts {
  private readonly max: number;
  /** By the name of the session; the one that ran last is the last. */
  private readonly hosts = new Map<string, WorkerId>();

  constructor(max = SESSION_HOSTS_MAX) {
    this.max = max;
  }

  /** Where the session of `job` ran last; undefined where that is not known, or where it has none. */
  of(job: QueuedJob): WorkerId | undefined {
    const name = nameOf(job);
    return name === undefined ? undefined : this.hosts.get(name);
  }

  ran(job: QueuedJob, worker: WorkerId): void {
    const name = nameOf(job);
    if (name === undefined) return;
    this.hosts.delete(name);
    this.hosts.set(name, worker);
    if (this.hosts.size <= this.max) return;
    const [oldest] = this.hosts.keys();
    if (oldest !== undefined) this.hosts.delete(oldest);
  }
}

/** No tenant's name has a line end in it. */
const nameOf = ({ template, extras }: QueuedJob): string | undefined =>
  extras?.session === undefined ? undefined : `${template.tenant}\n${extras.session}`;
