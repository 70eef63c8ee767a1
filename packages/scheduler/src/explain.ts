/**
 * Why a job waits, as it would be decided now: the first reason that holds, from what stops most to what stops least.
 * Position and wait are what the order and the pace of late make likely; null where nothing is known.
 */
import type { Block } from './flow.js';
import type { PauseCause } from './lane.js';
import { CLASS_PRICES } from './classes.js';
import type { QueuedJob } from './queued-job.js';
import type { Supplies } from './supply.js';
import { DAY_MS, type Tenant } from './tenant.js';

/**
 * `paused`, `rollout`: by people, or by a rollout. `quota`: of running jobs or compute time. `rate`: of starts.
 * `session`: a job of its session is before it. `placement`: no host could take it. `capacity`: its turn has not come.
 */
export type Reason = 'paused' | 'rollout' | 'quota' | 'rate' | 'session' | 'placement' | 'capacity';

export interface Explanation {
  readonly reason: Reason;
  /** Which quota, where that is the reason. */
  readonly quota: WaitQuota | null;
  /** Jobs that are likely to start before it; at least those of its own tenant and session that do. */
  readonly position: number;
  /** How long it is likely to wait, ms; null when that is not known. */
  readonly waitMs: number | null;
}

/** What the explanation takes from around the job. */
export interface Surroundings {
  readonly tenant: Tenant;
  readonly supplies: Supplies;
  /** By whom the fleet, the job's class, tool or tenant is paused. */
  readonly pausedBy: PauseCause | null;
  readonly virtualMs: number;
  readonly nowMs: number;
}

/** Jobs before one in its own flow that are counted; beyond that they are estimated. */
const COUNTED_MAX = 1_000;

/** The quota that a job waits for: the tenant's own, or the running jobs of a tool on the whole fleet. */
export type WaitQuota = Exclude<Block, 'paused' | 'rate'> | 'tool';

interface Cause {
  readonly reason: Reason;
  readonly quota: WaitQuota | null;
}

const because = (reason: Reason, quota: WaitQuota | null = null): Cause => ({ reason, quota });

/** Undefined for a job that does not wait. */
export const explain = (job: QueuedJob, around: Surroundings): Explanation | undefined => {
  if (job.standing === 'held') return explainHeld(job, around);
  if (job.flow === null) return undefined;
  const cause = causeOf(job, around);
  const { reason } = cause;
  const own = job.flow.before(job, COUNTED_MAX);
  const { pace } = job.flow.group;
  const wait = reason === 'paused' || reason === 'rollout' || reason === 'placement';
  const waitMs = wait ? null : waitOf(job, own, around);
  const others = waitMs === null || pace.intervalMs === null ? 0 : waitMs / Math.max(pace.intervalMs, 1e-3);
  return { ...cause, position: Math.max(own, Math.floor(others)), waitMs };
};

/** Waits for its session: for the job that has the turn, then for those between. */
const explainHeld = (job: QueuedJob, around: Surroundings): Explanation => {
  const session = around.tenant.findSession(job.extras?.session ?? '');
  const turn = session?.turn ?? null;
  let between = 0;
  for (let one = job.before; one !== null && between < COUNTED_MAX; one = one.before) between += 1;
  const meter = (turn?.lease ?? turn?.flow)?.meter;
  const before = turn === null ? undefined : explain(turn, around);
  const isKnown = meter !== undefined && before?.waitMs !== null;
  return {
    ...because(around.pausedBy ?? 'session'),
    position: between + (before === undefined ? 0 : before.position + 1),
    waitMs:
      isKnown && around.pausedBy === null ? (before?.waitMs ?? 0) + (between + 1) * meter.usualMs : null,
  };
};

const causeOf = (job: QueuedJob, { tenant, supplies, pausedBy, nowMs }: Surroundings): Cause => {
  const { flow } = job;
  if (flow === null) return because('capacity');
  const { tool, supply } = flow.group.lane;
  if (pausedBy !== null) return because(pausedBy);
  if (supply.shape.able === 0) return because('placement');
  const block = tenant.blockOf(flow.meter, flow.head ?? job, nowMs);
  if (block === 'rate') return because('rate');
  if (block !== null && block !== 'paused') return because('quota', block);
  return tool.isOpen || !supplies.hasRoom(supply.shape) ? because('capacity') : because('quota', 'tool');
};

/** The longest of what its turn, its tenant's quotas and its tenant's rate make it wait, `own` jobs being before it. */
const waitOf = (job: QueuedJob, own: number, around: Surroundings): number | null => {
  const { flow } = job;
  const { tenant, virtualMs, nowMs } = around;
  if (flow === null) return null;
  const { policy, bucket } = tenant;
  const { pace, rank } = flow.group;
  const estimateMs = flow.meter.usualMs;
  const waits: number[] = [];
  if (pace.speed !== null && pace.intervalMs !== null) {
    const cost = (estimateMs * (CLASS_PRICES[rank] as number)) / policy.weight;
    const tag = Math.max(tenant.tag, virtualMs) + own * cost;
    waits.push((tag - virtualMs) / pace.speed + pace.intervalMs);
  }
  if (bucket !== null && policy.rate !== null)
    waits.push(bucket.readyAtMs(nowMs) - nowMs + (own * 1_000) / policy.rate.perSecond);
  if (tenant.running >= policy.runningMax) waits.push(((own + 1) * estimateMs) / policy.runningMax);
  if (tenant.computeLeftMs(nowMs) < job.timeoutMs && tenant.reservedMs === 0)
    waits.push(DAY_MS - (nowMs % DAY_MS));
  const longest = Math.max(...waits);
  return Number.isFinite(longest) ? longest : null;
};
