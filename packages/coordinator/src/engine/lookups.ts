/**
 * What a leader says of jobs and of what tenants use. It says what is committed, and nothing else.
 *
 * F1  "There is no such job" is said only while nobody else can have been elected (Engine, E4), and only after the fold, the
 *     outcomes and the fold again did not know it.
 */
import type { headOf, JobId, TenantId } from '@zerofleet/model';
import type { FindReply, UsageView, Wait } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { Fold } from './fold.js';
import { snapshotOf } from './job-record.js';
import type { JobSnapshot, OutcomePort } from './ports.js';
import { waitOf } from './waits.js';

const MS_PER_S = 1_000;

export interface LookupsOptions {
  readonly fold: Fold;
  readonly outcomes: OutcomePort;
  readonly clock: Clock;
  readonly healthy: () => boolean;
  /** Whether nobody else can have been elected. */
  readonly isSure: () => boolean | Promise<boolean>;
}

export class Lookups {
  private readonly options: LookupsOptions;

  constructor(options: LookupsOptions) {
    this.options = options;
  }

  /** The job as committed, live or finished, of this tenant (I11). */
  async find(tenant: TenantId, id: JobId): Promise<FindReply> {
    const known = this.known(tenant, id);
    if (known !== undefined) return { kind: 'found', job: known };
    // Staged and not committed: the next moment says whether there is such a job.
    if (this.options.fold.state.jobs.get(id)?.template.tenant === tenant)
      return { kind: 'unavailable', why: 'ledger_unavailable' };
    try {
      const stored = await this.options.outcomes.find(tenant, id);
      if (stored.kind === 'rebuilding') return { kind: 'unavailable', why: 'index_rebuilding' };
      if (stored.kind === 'found') return { kind: 'found', job: finishedSnapshot(stored.record) };
    } catch {
      return { kind: 'unavailable', why: 'outcome_unavailable' };
    }
    // The job may have been committed between the two looks.
    const late = this.known(tenant, id);
    if (late !== undefined) return { kind: 'found', job: late };
    const isSure = await this.options.isSure();
    return this.options.healthy() && isSure ? { kind: 'unknown' } : { kind: 'unavailable', why: 'no_leader' };
  }

  private known(tenant: TenantId, id: JobId): JobSnapshot | undefined {
    const record = this.options.fold.state.jobs.get(id);
    const snapshot = record === undefined ? this.options.fold.feed.recent(id) : snapshotOf(record);
    return snapshot?.envelope.tenant === tenant ? snapshot : undefined;
  }

  /** Why a job of the tenant waits; null for one that does not, `unknown` for one that is not live. */
  why(tenant: TenantId, id: JobId): Wait | 'unknown' {
    const record = this.options.fold.state.jobs.get(id);
    const isLive = record !== undefined && record.shown !== null && record.state.kind !== 'finished';
    if (!isLive || record.template.tenant !== tenant) return 'unknown';
    return waitOf(record, this.options.fold.queue.ready, this.options.clock.wallMs());
  }

  /** What the tenant uses just now. */
  usage(tenant: TenantId): UsageView {
    const { state, usage } = this.options.fold;
    const { queued, running } = state.countsOf(tenant);
    return {
      queued,
      running,
      sessions: usage.sessions(tenant),
      computeSecondsToday: usage.usedMs(tenant, this.options.clock.wallMs()) / MS_PER_S,
      storedBytes: usage.storedBytes(tenant),
    };
  }
}

const finishedSnapshot = (record: {
  readonly job: ReturnType<typeof headOf>;
  readonly attempt: number;
  readonly outcome: Extract<JobSnapshot['state'], { kind: 'finished' }>['outcome'];
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number;
}): JobSnapshot => {
  const { job, attempt, outcome, startedAtMs, finishedAtMs } = record;
  return { envelope: job, state: { kind: 'finished', attempt, outcome, startedAtMs, finishedAtMs } };
};
