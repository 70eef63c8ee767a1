/**
 * How long a job is likely to wait, while things go on as they did of late: by how often its flow is served, or its session,
 * and by how far its tenant's account stands behind those served now; and at least what its tenant's quotas take.
 */
import { intervalOf } from './cadence.js';
import { CLASS_PRICES } from './classes.js';
import type { Flow } from './flow.js';
import type { QueuedJob } from './queued-job.js';
import type { Session } from './session.js';
import { DAY_MS, type Tenant } from './tenant.js';

/** What an estimate takes from around the job. */
export interface Moment {
  readonly tenant: Tenant;
  /** Of tenants' accounts. */
  readonly virtualMs: number;
  readonly nowMs: number;
  /** The same time on the clock of the jobs. */
  readonly sinceMs: number;
}

/** How much the account says on when the flow is served next, beside how often it is. */
const ACCOUNT_SHARE = 0.7;

/** Until `job` of `flow` starts, `own` jobs of the flow being before it, ms; null when that is not known. */
export const waitOf = (job: QueuedJob, flow: Flow, own: number, moment: Moment): number | null => {
  const { tenant, nowMs } = moment;
  const { policy, bucket } = tenant;
  const turnMs = turnOf(flow, own, moment);
  const waits = turnMs === null ? [] : [turnMs];
  if (bucket !== null && policy.rate !== null)
    waits.push(bucket.readyAtMs(nowMs) - nowMs + (own * 1_000) / policy.rate.perSecond);
  if (tenant.running >= policy.runningMax) waits.push(((own + 1) * flow.meter.usualMs) / policy.runningMax);
  const dayAtMs = computeAtMs(tenant, job, nowMs);
  if (dayAtMs !== null) waits.push(dayAtMs - nowMs);
  const longest = Math.max(...waits);
  return Number.isFinite(longest) ? longest : null;
};

/** When the tenant has compute time for `job` again, where the next UTC day brings it and nothing before; null elsewhere. */
export const computeAtMs = (tenant: Tenant, job: QueuedJob, nowMs: number): number | null => {
  const maxMs = tenant.policy.computeMsPerDay;
  const mayBeToday = tenant.usedOn(nowMs) + job.timeoutMs <= maxMs;
  const isEver = tenant.reservedMs + job.timeoutMs <= maxMs;
  return mayBeToday || !isEver ? null : (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
};

/**
 * Until a job starts that its session holds, with `between` others between it and the one that has the turn; `turnMs`: until
 * that one starts, 0 when it has. Null when it is not known.
 */
export const heldWaitOf = (
  session: Session,
  between: number,
  usualMs: number,
  turnMs: number | null,
  sinceMs: number,
): number | null => {
  const intervalMs = intervalOf(session, sinceMs);
  if (intervalMs === null) return turnMs === null ? null : turnMs + (between + 1) * usualMs;
  const passedMs = session.lastMs + (between + 1) * intervalMs - sinceMs;
  return Math.max(0, passedMs) + Math.max(0, intervalMs - usualMs);
};

/** Until the flow is served for the (`own` + 1)th time. */
const turnOf = (flow: Flow, own: number, moment: Moment): number | null => {
  const { tenant, sinceMs } = moment;
  const intervalMs = intervalOf(flow, sinceMs);
  if (intervalMs === null) return byAccount(flow, own + otherJobs(flow), moment);
  const dueMs = Math.max(0, flow.lastMs + intervalMs - sinceMs);
  // Where a tenant has several flows, its account does not say which of them is next.
  const accountMs = tenant.waiting === flow.size ? byAccount(flow, 0, moment) : null;
  const firstMs =
    accountMs === null
      ? dueMs
      : ACCOUNT_SHARE * Math.min(accountMs, 2 * intervalMs) + (1 - ACCOUNT_SHARE) * dueMs;
  return firstMs + own * intervalMs;
};

/** Until the tenant's account has paid for `before` jobs like those of the flow and is served again. */
const byAccount = (flow: Flow, before: number, { tenant, virtualMs, nowMs }: Moment): number | null => {
  const { pace, rank } = flow.group;
  const cost = (flow.meter.usualMs * (CLASS_PRICES[rank] as number)) / tenant.policy.weight;
  return pace.untilMs(Math.max(tenant.tag, virtualMs) + before * cost, nowMs);
};

/** Jobs of its tenant that come before those of a flow that was never served: all in its class or a higher one. */
const otherJobs = (flow: Flow): number => {
  let count = 0;
  for (const other of flow.tenant.flows)
    if (other !== flow && other.group.rank <= flow.group.rank) count += other.size;
  return count;
};
