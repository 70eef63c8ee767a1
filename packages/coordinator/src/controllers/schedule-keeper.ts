/**
 * Keeps each schedule's next run in the ledger, while this replica leads.
 *
 * K1  A run is a job that is accepted ahead and comes due at its time; once it is due, the next one is accepted. So at any
 *     moment what is to come stands in the ledger, and a new leader goes on from there.
 * K2  A run is made once: its idempotency key is the schedule, its revision and its time; no tenant's key holds a space.
 * K3  A run that an older revision planned, or whose schedule is gone or disabled, is cancelled if it has not started.
 * K4  A run that comes GRACE_MS late or more is missed; the schedule's policy says what is made up for. Runs of `skip` have
 *     a deadline instead, so one that found no room in time is left out as well.
 */
import { CATCH_UP_MAX, type JobEnvelope, type JobId, type TenantId } from '@zerofleet/model';
import type { ScheduleRecord, SubmitReply } from '@zerofleet/protocol';
import { MinHeap } from '@zerofleet/scheduler';
import { every, type Cancel, type Clock, type Logger } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import { timetableOf, type Timetable } from '../controls/cron.js';
import { scheduleKey, type ScheduleRuns } from '../engine/schedule-runs.js';
import type { JobRecord } from '../engine/job-record.js';

/** How late a run may be and still is not missed, in ms. */
export const GRACE_MS = 60_000;
/** Time between two looks at what is due, in ms. */
const TICK_MS = 250;
/** Pause before a run that was not taken is tried again, in ms. */
const RETRY_MS = 2_000;
/** A schedule of which no run is known begins at its last change, but not further back: so long keys are remembered, in ms. */
const LOOK_BACK_MS = 23 * 3_600_000;

/** Makes the job of a run, or says why there is none. */
export type Plan = (
  record: ScheduleRecord,
  atMs: number,
) => Promise<
  | { readonly kind: 'admitted'; readonly envelope: JobEnvelope }
  | { readonly kind: 'refused'; readonly refusal: { readonly detail: string } }
>;

export interface ScheduleKeeperOptions {
  readonly controls: Controls;
  readonly runs: ScheduleRuns;
  readonly plan: Plan;
  readonly submit: (envelope: JobEnvelope) => Promise<SubmitReply>;
  readonly cancel: (tenant: TenantId, id: JobId) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A schedule that is kept. */
interface Kept {
  readonly key: string;
  readonly record: ScheduleRecord;
  readonly timetable: Timetable;
  /** The time of the newest run that was made or left out, Unix ms. */
  lastMs: number;
  busy: boolean;
  /** Why the last try to make a run failed; said once. */
  trouble: string | undefined;
}

export class ScheduleKeeper {
  private readonly options: ScheduleKeeperOptions;
  private readonly kept = new Map<string, Kept>();
  private readonly wakes = new MinHeap<Kept>();
  private readonly stopTick: Cancel;
  private readonly stopListening: () => void;
  private closed = false;

  constructor(options: ScheduleKeeperOptions) {
    this.options = options;
    const { controls, runs, clock } = options;
    for (const record of controls.schedules()) this.keep(record);
    for (const key of runs.keys()) if (!this.kept.has(key)) this.takeBack(key, undefined);
    this.stopListening = controls.onChange((change) => {
      if (change.kind !== 'schedule') return;
      if (change.now !== undefined) this.keep(change.now);
      else if (change.before !== undefined) this.drop(change.before);
    });
    runs.listen((key) => {
      const kept = this.kept.get(key);
      if (kept !== undefined) this.wake(kept, clock.wallMs());
    });
    this.stopTick = every(clock, TICK_MS, () => this.tick());
    this.tick();
  }

  close(): void {
    this.closed = true;
    this.stopTick();
    this.stopListening();
    this.options.runs.listen(() => undefined);
  }

  private keep(record: ScheduleRecord): void {
    const { clock, log, runs } = this.options;
    const nowMs = clock.wallMs();
    const key = scheduleKey(record.tenant, record.name);
    const timetable = timetableOf(record.schedule, nowMs);
    this.kept.delete(key);
    this.takeBack(key, record);
    if (!('next' in timetable)) {
      log.warn(
        { tenant: record.tenant, schedule: record.name, reason: timetable.message },
        'schedule_unreadable',
      );
      return;
    }
    if (record.schedule.enabled === false) return;
    const times = [...runs.of(key)].filter((run) => isOf(run, record)).map(timeOf);
    const lastMs = Math.max(record.updatedAtMs, nowMs - LOOK_BACK_MS, ...times);
    const kept: Kept = { key, record, timetable, lastMs, busy: false, trouble: undefined };
    this.kept.set(key, kept);
    this.wake(kept, nowMs);
  }

  private drop(record: ScheduleRecord): void {
    const key = scheduleKey(record.tenant, record.name);
    this.kept.delete(key);
    this.takeBack(key, undefined);
  }

  /** K3. */
  private takeBack(key: string, record: ScheduleRecord | undefined): void {
    for (const run of [...this.options.runs.of(key)]) {
      const stays = record !== undefined && record.schedule.enabled !== false && isOf(run, record);
      const isWaiting = run.state.kind === 'queued' && run.state.attemptsStarted === 0;
      if (!stays && isWaiting) void this.options.cancel(run.template.tenant, run.id).catch(() => undefined);
    }
  }

  private wake(kept: Kept, atMs: number): void {
    this.wakes.push(kept, atMs);
  }

  private tick(): void {
    const nowMs = this.options.clock.wallMs();
    while (this.wakes.firstKey <= nowMs) {
      const kept = this.wakes.pop();
      if (kept !== undefined && this.kept.get(kept.key) === kept && !kept.busy) this.look(kept, nowMs);
    }
  }

  /** K1: makes the next run unless one is to come. */
  private look(kept: Kept, nowMs: number): void {
    for (const run of this.options.runs.of(kept.key))
      if (isOf(run, kept.record)) kept.lastMs = Math.max(kept.lastMs, timeOf(run));
    if (kept.lastMs > nowMs && this.isThere(kept)) {
      this.wake(kept, kept.lastMs);
      return;
    }
    // One that waits and is late already makes up for the others.
    const isMadeUp = kept.record.schedule.missed !== 'all' && this.isThere(kept);
    const atMs = isMadeUp ? kept.timetable.next(nowMs) : this.nextOf(kept, nowMs);
    if (atMs !== undefined) void this.make(kept, atMs);
  }

  private isThere(kept: Kept): boolean {
    for (const run of this.options.runs.of(kept.key))
      if (isOf(run, kept.record) && timeOf(run) === kept.lastMs) return true;
    return false;
  }

  /** The time of the run to make now (K4); undefined when there is none any more. */
  private nextOf({ timetable, lastMs, record }: Kept, nowMs: number): number | undefined {
    const next = timetable.next(lastMs);
    if (next === undefined || next > nowMs - GRACE_MS) return next;
    switch (record.schedule.missed ?? 'once') {
      case 'skip':
        return timetable.next(nowMs);
      case 'once':
        return timetable.newest(1, nowMs).at(-1) ?? next;
      case 'all':
        return Math.max(next, timetable.newest(CATCH_UP_MAX, nowMs)[0] ?? next);
    }
  }

  private async make(kept: Kept, atMs: number): Promise<void> {
    const { clock, log } = this.options;
    kept.busy = true;
    const made = await this.tryMake(kept, atMs).catch((error: unknown) => String(error));
    kept.busy = false;
    if (this.closed || this.kept.get(kept.key) !== kept) return;
    const nowMs = clock.wallMs();
    if (made !== 'made') {
      const { tenant, name } = kept.record;
      const at = new Date(atMs).toISOString();
      if (made !== kept.trouble) log.warn({ tenant, schedule: name, at, reason: made }, 'schedule_not_run');
      kept.trouble = made;
      this.wake(kept, nowMs + RETRY_MS);
      return;
    }
    kept.trouble = undefined;
    kept.lastMs = atMs;
    this.wake(kept, Math.max(atMs, nowMs));
  }

  /** `made`, or why not. */
  private async tryMake({ record }: Kept, atMs: number): Promise<string> {
    const { plan, submit } = this.options;
    const planned = await plan(record, atMs);
    if (planned.kind === 'refused') return planned.refusal.detail;
    if (this.closed) return 'this coordinator leads no more';
    const reply = await submit(planned.envelope);
    return reply.kind === 'accepted' || reply.kind === 'replayed'
      ? 'made'
      : reply.kind === 'refused'
        ? reply.why
        : reply.kind;
  }
}

const isOf = (run: JobRecord, record: ScheduleRecord): boolean =>
  run.extras?.schedule?.revision === record.revision;

const timeOf = (run: JobRecord): number => run.extras?.schedule?.atMs ?? 0;
