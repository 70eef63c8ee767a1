/**
 * What replicas of the coordinator say to each other over core NATS: standbys ask the leader whether it is there, and
 * gateways hand it what only a leader can decide. Only the leader listens on these subjects, so a call without any
 * listener means that nobody leads.
 */
import {
  firstState,
  PROBLEMS,
  type JobEnvelope,
  type JobHead,
  type JobState,
  type ProblemCode,
} from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import type { UsageView, WaitReason } from './http-controls.js';
import {
  CountShape,
  EpochShape,
  JobHeadShape,
  JobIdShape,
  JobStateShape,
  JobTemplateShape,
  OWN_HEAD_FIELDS,
  PayloadRefShape,
  TenantIdShape,
} from './shapes.js';
import { jsonParser, type Parsed } from './parse.js';
import { joinHead, ownHeadOf, TemplateTable } from './templates.js';

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
const LeaderCallShape = Type.Union([
  Type.Object({
    v,
    kind: Type.Literal('submit'),
    templates: Type.Array(JobTemplateShape),
    jobs: Type.Array(Type.Object({ of: CountShape, ...OWN_HEAD_FIELDS, payload: PayloadRefShape })),
  }),
  Type.Object({ v, kind: Type.Literal('cancel'), ...TenantJob }),
  Type.Object({ v, kind: Type.Literal('find'), ...TenantJob }),
  Type.Object({ v, kind: Type.Literal('status'), tenant: TenantIdShape }),
  Type.Object({ v, kind: Type.Literal('why'), ...TenantJob }),
  Type.Object({ v, kind: Type.Literal('usage'), tenant: TenantIdShape }),
]);
type LeaderCallWire = Static<typeof LeaderCallShape>;
export type LeaderCall =
  | Exclude<LeaderCallWire, { kind: 'submit' }>
  | { readonly v: 1; readonly kind: 'submit'; readonly jobs: readonly JobEnvelope[] };
const parseWire = jsonParser(LeaderCallShape);

/** The call in a message, or why it cannot be read. */
export const parseLeaderCall = (bytes: Uint8Array): Parsed<LeaderCall> => {
  const parsed = parseWire(bytes);
  if (!parsed.ok || parsed.value.kind !== 'submit') return parsed as Parsed<LeaderCall>;
  const { templates } = parsed.value;
  const jobs: JobEnvelope[] = [];
  for (const wire of parsed.value.jobs) {
    const template = templates[wire.of];
    if (template === undefined)
      return { ok: false, reason: `/jobs/${jobs.length} names a template that is not there` };
    jobs.push({ ...joinHead(wire, template), payload: wire.payload });
  }
  return { ok: true, value: { v: LEADER_VERSION, kind: 'submit', jobs } };
};

/** A job to submit, and its own part as text. */
export interface SubmitText {
  readonly envelope: JobEnvelope;
  readonly text: string;
  /** Of the text. */
  readonly bytes: number;
}

export const submitTextOf = (envelope: JobEnvelope): SubmitText => {
  const text = JSON.stringify({ ...ownHeadOf(envelope), payload: envelope.payload });
  return { envelope, text, bytes: Buffer.byteLength(text) };
};

/** A call that submits `jobs`. */
export const encodeSubmit = (jobs: readonly SubmitText[]): Uint8Array => {
  const templates = new TemplateTable();
  const listed = jobs.map(({ envelope, text }) => `{"of":${templates.of(envelope)},${text.slice(1)}`);
  const head = `"v":${LEADER_VERSION},"kind":"submit","templates":${JSON.stringify(templates.list)}`;
  return Buffer.from(`{${head},"jobs":[${listed.join(',')}]}`);
};

const why = Type.Unsafe<ProblemCode>(Type.Union(Object.keys(PROBLEMS).map((code) => Type.Literal(code))));
const job = JobSnapshotShape;

/** What a tenant's submit rate has left, and after how long one more. */
export const RateLeftShape = Type.Object({ left: CountShape, resetMs: CountShape });
export type RateLeft = Static<typeof RateLeftShape>;
/** When a repeat may be taken, in ms, where that is known; and what the tenant's rate has left, where it has one. */
const later = { retryAfterMs: Type.Optional(CountShape), rate: Type.Optional(RateLeftShape) };
/** A submission that was not taken, and when to come back. */
export interface NotTaken {
  readonly kind: 'refused';
  readonly why: ProblemCode;
  readonly retryAfterMs?: number;
  readonly rate?: RateLeft;
}

/**
 * The leader's answer about one job. `accepted`: on record now. `replayed`: on record since an earlier call with the same
 * idempotency key. `refused`: nothing was accepted or changed, for a reason of the problem table. `unknown`: the ledger
 * did not answer in time; the job may be there under `id`.
 */
export const JobReplyShape = Type.Union([
  Type.Object({ kind: Type.Literal('accepted'), job }),
  Type.Object({ kind: Type.Literal('replayed'), job }),
  Type.Object({ kind: Type.Literal('refused'), why, ...later }),
  Type.Object({ kind: Type.Literal('unknown'), id: JobIdShape }),
]);
export type SubmitReply =
  | { readonly kind: 'accepted'; readonly job: JobSnapshot; readonly rate?: RateLeft }
  | { readonly kind: 'replayed'; readonly job: JobSnapshot }
  | NotTaken
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

/** The answer to a submission. Who submitted knows the job that was accepted: all but when. */
export const SubmitAnswerShape = Type.Union([
  Type.Object({ kind: Type.Literal('accepted'), atMs: CountShape, rate: Type.Optional(RateLeftShape) }),
  Type.Object({ kind: Type.Literal('replayed'), job }),
  Type.Object({ kind: Type.Literal('refused'), why, ...later }),
  Type.Object({ kind: Type.Literal('unknown'), id: JobIdShape }),
]);
export type SubmitAnswer =
  | { readonly kind: 'accepted'; readonly atMs: number; readonly rate?: RateLeft }
  | { readonly kind: 'replayed'; readonly job: JobSnapshot }
  | NotTaken
  | { readonly kind: 'unknown'; readonly id: JobEnvelope['id'] };

export const answerOf = (reply: SubmitReply): SubmitAnswer => {
  if (reply.kind !== 'accepted') return reply;
  const atMs = reply.job.envelope.acceptedAtMs;
  return reply.rate === undefined ? { kind: 'accepted', atMs } : { kind: 'accepted', atMs, rate: reply.rate };
};

/** What `answer` says of `envelope`, which it was asked for. */
export const replyOf = (answer: SubmitAnswer, envelope: JobEnvelope): SubmitReply => {
  if (answer.kind !== 'accepted') return answer;
  const head = joinHead({ ...ownHeadOf(envelope), acceptedAtMs: answer.atMs }, envelope);
  const job = { envelope: head, state: firstState(envelope.extras) };
  return { kind: 'accepted', job, ...(answer.rate === undefined ? {} : { rate: answer.rate }) };
};

/** What a tenant uses just now. */
const UsageShape = Type.Object({
  queued: CountShape,
  running: CountShape,
  sessions: CountShape,
  computeSecondsToday: Type.Number(),
  storedBytes: Type.Number(),
});

/** Why a job waits; null when it does not. `detail` is put in words by the gateway. */
const WaitShape = Type.Union([
  Type.Object({
    reason: Type.Unsafe<WaitReason>(Type.String()),
    quota: Type.Union([Type.String(), Type.Null()]),
    position: CountShape,
    waitMs: Type.Union([Type.Number(), Type.Null()]),
  }),
  Type.Null(),
]);
export type Wait = Static<typeof WaitShape>;

export const LeaderReplyShape = Type.Union([
  Type.Object({ v, kind: Type.Literal('submit'), replies: Type.Array(SubmitAnswerShape) }),
  Type.Object({ v, kind: Type.Literal('job'), reply: Type.Union([JobReplyShape, FindReplyShape]) }),
  Type.Object({ v, kind: Type.Literal('status'), status: LeaderStatusShape }),
  Type.Object({ v, kind: Type.Literal('usage'), usage: UsageShape }),
  Type.Object({ v, kind: Type.Literal('why'), wait: WaitShape }),
  /** The call could not be read, or this replica leads no more. */
  Type.Object({ v, kind: Type.Literal('not_now'), why }),
]);
export type LeaderReply =
  | { readonly v: 1; readonly kind: 'submit'; readonly replies: readonly SubmitAnswer[] }
  | { readonly v: 1; readonly kind: 'job'; readonly reply: SubmitReply | FindReply }
  | { readonly v: 1; readonly kind: 'status'; readonly status: LeaderStatus }
  | { readonly v: 1; readonly kind: 'usage'; readonly usage: UsageView }
  | { readonly v: 1; readonly kind: 'why'; readonly wait: Wait }
  | { readonly v: 1; readonly kind: 'not_now'; readonly why: ProblemCode };
/** The answer as its sender meant it: a gateway trusts its leader, and checks only the outer shape. */
export const parseLeaderReply = jsonParser(LeaderReplyShape);
