/** Cancels: a queued job ends at once, a running one as soon as its worker can. */
import type { JobId, TenantId } from '@zerofleet/model';
import type { Clock } from '@zerofleet/runtime';
import type { Attempts } from './attempts.js';
import type { Commits } from './commits.js';
import type { Fold } from './fold.js';
import { ACCEPT_WAIT_MS } from './intake.js';
import { isCancelled } from './job-forms.js';
import { snapshotOf, type JobRecord } from './job-record.js';
import type { JobSnapshot } from './ports.js';

/** How an asked-for change of a job ended. */
export type CancelReply =
  | { readonly kind: 'cancelled'; readonly job: JobSnapshot }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable' };

export interface CancelsOptions {
  readonly fold: Fold;
  readonly attempts: Attempts;
  readonly commits: Commits;
  readonly clock: Clock;
  readonly healthy: () => boolean;
}

export class Cancels {
  private readonly options: CancelsOptions;

  constructor(options: CancelsOptions) {
    this.options = options;
  }

  /**
   * Ends a job: a queued one at once, a running one as soon as its worker can. Resolves once the cancel, or the end that
   * came before it, is committed; `unavailable` after ACCEPT_WAIT_MS, and then to ask again is harmless.
   */
  cancel(tenant: TenantId, id: JobId): Promise<CancelReply> {
    const record = this.options.fold.state.jobs.get(id);
    const finished = this.options.fold.feed.recent(id);
    if (finished?.envelope.tenant === tenant) return Promise.resolve({ kind: 'cancelled', job: finished });
    if (record === undefined || record.shown === null || record.template.tenant !== tenant)
      return Promise.resolve({ kind: 'unknown' });
    if (!this.options.healthy()) return Promise.resolve({ kind: 'unavailable' });
    const { state } = record;
    if (state.kind === 'queued') this.options.attempts.finish(record, { kind: 'cancelled', report: null });
    else if (state.kind === 'running' && !state.cancelRequested)
      this.options.commits.commit({ kind: 'cancel_requested', id }, () =>
        this.options.attempts.stop(record, 'cancel'),
      );
    return this.cancelCommitted(record);
  }

  private cancelCommitted(record: JobRecord): Promise<CancelReply> {
    const now = snapshotOf(record);
    if (now !== undefined && isCancelled(now)) return Promise.resolve({ kind: 'cancelled', job: now });
    return new Promise((resolve) => {
      const settle = (reply: CancelReply): void => {
        unlisten();
        stopWaiting();
        resolve(reply);
      };
      const unlisten = this.options.fold.feed.listen(record.id, (job) => {
        if (isCancelled(job)) settle({ kind: 'cancelled', job });
      });
      const stopWaiting = this.options.clock.after(ACCEPT_WAIT_MS, () => settle({ kind: 'unavailable' }));
    });
  }
}
