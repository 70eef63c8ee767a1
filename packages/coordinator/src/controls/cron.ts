/**
 * When a schedule runs: five-field cron in a time zone. Pure: times come in, times go out.
 *
 * An hour that the clock skips in spring is run at the next time that exists; one that comes twice in autumn is run once
 * (croner's rules for fixed hours).
 */
import type { Schedule } from '@zerofleet/protocol';
import { Cron } from 'croner';

export const ZONE_DEFAULT = 'UTC';

/** A cron expression that can be asked for its times. */
export interface Timetable {
  /** The first time after `afterMs`, Unix ms; undefined when there is none. */
  next(afterMs: number): number | undefined;
  /** The newest `count` times up to `untilMs`, oldest first. */
  newest(count: number, untilMs: number): readonly number[];
}

/** What is wrong with a schedule's times, and in which member. */
export interface BadTimes {
  readonly member: 'cron' | 'zone';
  readonly message: string;
}

/** The timetable of a schedule, or what is wrong with it. `nowMs`: one that never comes again after it is wrong too. */
export const timetableOf = (
  { cron, zone = ZONE_DEFAULT }: Pick<Schedule, 'cron' | 'zone'>,
  nowMs: number,
): Timetable | BadTimes => {
  if (!isZone(zone)) return { member: 'zone', message: 'must be an IANA time zone such as Europe/Berlin' };
  if (!FIELDS.test(cron)) return { member: 'cron', message: 'must be five fields, such as "0 3 * * 1-5"' };
  try {
    const job = new Cron(cron, { paused: true, timezone: zone, mode: '5-part' });
    if (job.nextRun(new Date(nowMs)) === null) return { member: 'cron', message: 'never comes' };
    return {
      next: (afterMs) => job.nextRun(new Date(afterMs))?.getTime(),
      newest: (count, untilMs) =>
        job
          .previousRuns(count, new Date(untilMs + 1))
          .map((date) => date.getTime())
          .reverse(),
    };
  } catch (error) {
    return { member: 'cron', message: wordsOf(error) };
  }
};

const FIELDS = /^\s*\S+(\s+\S+){4}\s*$/;

const isZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** The library's words without its own name in front. */
const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : 'cannot be read').replace(/^CronPattern: /, '').slice(0, 120);
