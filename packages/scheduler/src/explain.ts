/**
 * Why a job waits, as it would be decided now: the first reason that holds, from what stops most to what stops least.
 * Position and wait are what the order and the pace of late make likely; null where nothing is known.
 */
import type { Flow } from './flow.js';
import type { PauseCause, Tool } from './lane.js';
import type { QueuedJob } from './queued-job.js';
import type { Supplies } from './supply.js';
import { computeAtMs, heldWaitOf, waitOf, type Moment } from './wait.js';

/**
 * `paused`, `rollout`: by people, or by a rollout. `quota`: of running jobs, compute time or stored bytes. `rate`: of starts.
 * `session`: a job of its session is before it. `placement`: no host could take it. `capacity`: its turn has not come.
 */
export type Reason = 'paused' | 'rollout' | 'quota' | 'rate' | 'session' | 'placement' | 'capacity';

/**
 * Which quota: of the tenant's jobs that run, of those of one tool, of compute time a day, of stored bytes; `tool`: of what
 * runs of the tool on the whole fleet.
 */
export type Quota = 'running' | 'tool_running' | 'compute' | 'stored' | 'tool';

export interface Explanation {
  readonly reason: Reason;
  /** Null where the reason is another than `quota`. */
  readonly quota: Quota | null;
  /** Jobs that are likely to start before it; at least those of its own tenant and session that do. */
  readonly position: number;
  /** How long it is likely to wait, ms; null when that is not known. */
  readonly waitMs: number | null;
  /**
   * When what the reason says is over, where that is certain, on the clock of the question, ms: when the rate gives its next
   * token, or the day ends whose compute time is used up.
   */
  readonly untilMs: number | null;
}

/** What the explanation takes from around the job. */
export interface Surroundings extends Moment {
  readonly supplies: Supplies;
  readonly tool: Tool;
  /** By whom the fleet, or the class of the job, is paused. */
  readonly pausedBy: PauseCause | null;
}

/** Jobs before one in its own flow that are counted; beyond that they are estimated. */
const COUNTED_MAX = 1_000;

/** What stops a job now. */
interface Cause {
  readonly reason: Reason;
  readonly quota: Quota | null;
  readonly untilMs: number | null;
}

/** Undefined for a job that does not wait. */
export const explain = (job: QueuedJob, around: Surroundings): Explanation | undefined => {
  const { flow } = job;
  if (job.standing === 'held') return explainHeld(job, around);
  if (flow === null) return undefined;
  const cause = causeOf(job, flow, around);
  const own = flow.before(job, COUNTED_MAX);
  const waitMs = isOpenEnded(cause) ? null : waitOf(job, flow, own, around);
  const { intervalMs } = flow.group.pace;
  const others = waitMs === null || intervalMs === null ? 0 : waitMs / Math.max(intervalMs, 1e-3);
  return { ...cause, position: Math.max(own, Math.floor(others)), waitMs };
};

/** Waits for its session: for the job that has the turn, then for those between. */
const explainHeld = (job: QueuedJob, around: Surroundings): Explanation => {
  const session = around.tenant.findSession(job.extras?.session ?? '');
  const turn = session?.turn ?? null;
  if (session === undefined || turn === null) throw new Error('a job is held by a session that has no turn');
  let between = 0;
  for (let one = job.before; one !== null && between < COUNTED_MAX; one = one.before) between += 1;
  const turnSays = explain(turn, around);
  const usualMs = (turn.lease ?? turn.flow)?.meter.usualMs;
  const pausedBy = around.pausedBy ?? around.tool.pausedBy ?? around.tenant.pausedBy;
  const turnMs = turnSays === undefined ? 0 : turnSays.waitMs;
  // Away, to be tried again: nobody knows until when.
  const isKnown = pausedBy === null && usualMs !== undefined && turnMs !== null;
  return {
    ...causeFor(pausedBy ?? 'session'),
    position: between + (turnSays === undefined ? 0 : turnSays.position + 1),
    waitMs: isKnown ? heldWaitOf(session, between, usualMs, turnMs, around.sinceMs) : null,
  };
};

const causeFor = (reason: Reason, quota: Quota | null = null, untilMs: number | null = null): Cause => ({
  reason,
  quota,
  untilMs,
});

/** Whether only people, or a release of the quota that nobody can foresee, end it. */
const isOpenEnded = ({ reason, quota }: Cause): boolean =>
  reason === 'paused' || reason === 'rollout' || reason === 'placement' || quota === 'stored';

const causeOf = (job: QueuedJob, flow: Flow, { tenant, supplies, pausedBy, nowMs }: Surroundings): Cause => {
  const { tool, supply } = flow.group.lane;
  const stopped = pausedBy ?? tool.pausedBy ?? tenant.pausedBy;
  if (stopped !== null) return causeFor(stopped);
  if (supply.shape.able === 0) return causeFor('placement');
  const head = flow.head ?? job;
  const block = tenant.blockOf(flow.meter, head, nowMs);
  switch (block) {
    case 'rate': {
      const atMs = tenant.bucket?.readyAtMs(nowMs) ?? Infinity;
      return causeFor('rate', null, Number.isFinite(atMs) ? atMs : null);
    }
    case 'compute':
      return causeFor('quota', block, computeAtMs(tenant, head, nowMs));
    case 'running':
    case 'tool_running':
    case 'stored':
      return causeFor('quota', block);
    case 'paused':
    case null:
      return tool.isOpen || !supplies.hasRoom(supply.shape)
        ? causeFor('capacity')
        : causeFor('quota', 'tool');
  }
};
