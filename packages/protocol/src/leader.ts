/**
 * What replicas of the coordinator say to each other over core NATS: standbys ask the leader whether it is there, and
 * gateways hand it what only a leader can decide. Only the leader listens on these subjects, so a call without any
 * listener means that nobody leads.
 */
import { PROBLEMS, type JobEnvelope, type JobHead, type JobState, type ProblemCode } from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import {
  CountShape,
  EpochShape,
  JobEnvelopeShape,
  JobHeadShape,
  JobIdShape,
  JobStateShape,
  TenantIdShape,
} from './shapes.js';
import { jsonParser } from './parse.js';

export const LEADER_VERSION = 1;
const v = Type.Literal(LEADER_VERSION);

/** A replica asks whether the leader is there, and says which ledger format it can read. */
export const LeaderPingShape = Type.Object({ v, replica: Type.String(), format: CountShape });
export type LeaderPing = Static<typeof LeaderPingShape>;
export const parseLeaderPing = jsonParser(LeaderPingShape);

export const LeaderPongShape = Type.Object({ v, leader: Type.String(), epoch: EpochShape });
export type LeaderPong = Static<typeof LeaderPongShape>;
export const parseLeaderPong = jsonParser(LeaderPongShape);

/** A job as committed: what anyone outside the engine may see. */
export const JobSnapshotShape = Type.Object({ envelope: JobHeadShape, state: JobStateShape });
export interface JobSnapshot {
  readonly envelope: JobHead;
  readonly state: JobState;
}

const TenantJob = { tenant: TenantIdShape, id: JobIdShape };

/** `submit` takes several jobs of any tenants; each has its own answer, in the same order. */
export const LeaderCallShape = Type.Union([
  Type.Object({ v, kind: Type.Literal('submit'), jobs: Type.Array(JobEnvelopeShape) }),
  Type.Object({ v, kind: Type.Literal('cancel'), ...TenantJob }),
  Type.Object({ v, kind: Type.Literal('find'), ...TenantJob }),
  Type.Object({ v, kind: Type.Literal('status'), tenant: TenantIdShape }),
]);
export type LeaderCall = Static<typeof LeaderCallShape>;
export const parseLeaderCall = jsonParser(LeaderCallShape);

const why = Type.Unsafe<ProblemCode>(Type.Union(Object.keys(PROBLEMS).map((code) => Type.Literal(code))));
const job = JobSnapshotShape;

/**
 * The leader's answer about one job. `accepted`: on record now. `replayed`: on record since an earlier call with the same
 * idempotency key. `refused`: nothing was accepted or changed, for a reason of the problem table. `unknown`: the ledger
 * did not answer in time; the job may be there under `id`.
 */
export const JobReplyShape = Type.Union([
  Type.Object({ kind: Type.Literal('accepted'), job }),
  Type.Object({ kind: Type.Literal('replayed'), job }),
  Type.Object({ kind: Type.Literal('refused'), why }),
  Type.Object({ kind: Type.Literal('unknown'), id: JobIdShape }),
]);
export type SubmitReply =
  | { readonly kind: 'accepted' | 'replayed'; readonly job: JobSnapshot }
  | { readonly kind: 'refused'; readonly why: ProblemCode }
  | { readonly kind: 'unknown'; readonly id: JobEnvelope['id'] };

/** `found`: the job as committed. `unknown`: there is none such of this tenant. `unavailable`: nobody can say just now, and why. */
export const FindReplyShape = Type.Union([
  Type.Object({ kind: Type.Literal('found'), job }),
  Type.Object({ kind: Type.Literal('unknown') }),
  Type.Object({ kind: Type.Literal('unavailable'), why }),
]);
export type FindReply =
  | { readonly kind: 'found'; readonly job: JobSnapshot }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly why: ProblemCode };

/** The fleet as the leader sees it, and the tenant's own numbers. */
export const LeaderStatusShape = Type.Object({
  epoch: EpochShape,
  workers: Type.Object({
    ready: CountShape,
    draining: CountShape,
    freeCpuMilli: Type.Number(),
    freeMemoryMiB: Type.Number(),
  }),
  jobs: Type.Object({ queued: CountShape, running: CountShape }),
});
export type LeaderStatus = Static<typeof LeaderStatusShape>;

export const LeaderReplyShape = Type.Union([
  Type.Object({ v, kind: Type.Literal('submit'), replies: Type.Array(JobReplyShape) }),
  Type.Object({ v, kind: Type.Literal('job'), reply: Type.Union([JobReplyShape, FindReplyShape]) }),
  Type.Object({ v, kind: Type.Literal('status'), status: LeaderStatusShape }),
  /** The call could not be read, or this replica leads no more. */
  Type.Object({ v, kind: Type.Literal('not_now'), why }),
]);
export type LeaderReply =
  | { readonly v: 1; readonly kind: 'submit'; readonly replies: readonly SubmitReply[] }
  | { readonly v: 1; readonly kind: 'job'; readonly reply: SubmitReply | FindReply }
  | { readonly v: 1; readonly kind: 'status'; readonly status: LeaderStatus }
  | { readonly v: 1; readonly kind: 'not_now'; readonly why: ProblemCode };
/** The answer as its sender meant it: a gateway trusts its leader, and checks only the outer shape. */
export const parseLeaderReply = jsonParser(LeaderReplyShape);
