/**
 * Runs of schedules that live in the ledger: each is a job like any other, accepted ahead of its time, so it survives
 * whatever dies. Follows the fold, on standbys too.
 */
import type { JobState, TenantId } from '@zerofleet/model';
import type { JobRecord } from './job-record.js';

/** Tenant and schedule as one word. */
export const scheduleKey = (tenant: TenantId, name: string): string => `${tenant} ${name}`;

export class ScheduleRuns {
  private readonly byKey = new Map<string, Set<JobRecord>>();
  private onEnd: (key: string) => void = () => undefined;

  /** A job is new, or its state changed. */
  changed(record: JobRecord, before: JobState | null): void {
    const { schedule } = record.extras ?? {};
    if (schedule === undefined) return;
    const key = scheduleKey(record.template.tenant, schedule.name);
    if (record.state.kind !== 'finished') {
      if (before === null) this.byKey.set(key, (this.byKey.get(key) ?? new Set()).add(record));
      return;
    }
    const runs = this.byKey.get(key);
    runs?.delete(record);
    if (runs?.size === 0) this.byKey.delete(key);
    this.onEnd(key);
  }

  /** Live runs of a schedule. */
  of(key: string): Iterable<JobRecord> {
    return this.byKey.get(key) ?? [];
  }

  /** Schedules that have live runs. */
  keys(): Iterable<string> {
    return this.byKey.keys();
  }

  /** Hears of the end of a run; one listener at a time. */
  listen(onEnd: (key: string) => void): void {
    this.onEnd = onEnd;
  }
}
