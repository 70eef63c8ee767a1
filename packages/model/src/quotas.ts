/**
 * What a tenant may use. It belongs to the tenant's record, which only operators write, never to a request.
 *
 * Q1  Effective quotas are the built-in ones, under the fleet's defaults, under the tenant's own: member by member.
 * Q2  A quota is at least one: who shall start nothing at all is paused, and that can be seen.
 */
import type { PriorityClass } from './job.js';

/** So many in the long run, and so many at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Null: no limit of the tenant's own; the shard's limits hold all the same. */
export interface Quotas {
  /** Its share of runtime relative to other tenants. */
  readonly weight: number;
  /** The highest class that it may ask for, and that its jobs run in. */
  readonly ceiling: PriorityClass;
  /** Jobs accepted; more are refused. */
  readonly submitRate: Rate | null;
  /** Jobs started; more wait. */
  readonly startRate: Rate | null;
  /** Jobs that wait; more are refused. One that comes back to the queue may stand above it. */
  readonly queuedMax: number | null;
  /** Jobs that run at once; more wait. */
  readonly runningMax: number | null;
  /** Arguments and input files of one job, as JSON, in bytes. */
  readonly payloadBytesMax: number | null;
  /** Time limit that one job may ask for, in ms. */
  readonly timeoutMsMax: number | null;
  /** Runtime of all its jobs in one UTC day, in s; beyond that jobs wait for the next day. */
  readonly computeSecondsPerDay: number | null;
  /** Sessions that have a job which is not finished. */
  readonly sessionsMax: number | null;
  /** Payloads of live jobs and outcomes that are kept, in bytes. */
  readonly storedBytesMax: number | null;
  /** Jobs of one tool that run at once, by the tool's name. */
  readonly toolRunningMax: Readonly<Record<string, number>>;
}

/** What is said of a tenant, or of all; a member that is not there is taken from the next level (Q1). */
export type QuotaChanges = { readonly [K in keyof Quotas]?: Quotas[K] };

/** A tenant of which nothing was said, on a fleet of which nothing was said. */
export const QUOTAS_BUILT_IN: Quotas = {
  weight: 1,
  ceiling: 'interactive',
  submitRate: null,
  startRate: null,
  queuedMax: null,
  runningMax: null,
  payloadBytesMax: null,
  timeoutMsMax: null,
  computeSecondsPerDay: null,
  sessionsMax: null,
  storedBytesMax: null,
  toolRunningMax: {},
};

/** Effective quotas (Q1). Limits of tools add up by name. */
export const quotasOf = (...levels: readonly QuotaChanges[]): Quotas =>
  levels.reduce<Quotas>(
    (above, changes) => ({
      ...above,
      ...changes,
      toolRunningMax: { ...above.toolRunningMax, ...changes.toolRunningMax },
    }),
    QUOTAS_BUILT_IN,
  );
