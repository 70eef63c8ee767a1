/** The tenant API's answers about jobs, tools and the fleet; what it takes stands in submit.ts. docs/api.md explains them to readers. */
import {
  PROBLEMS,
  type Egress,
  type JsonObject,
  type PriorityClass,
  type Refusal,
  type SessionState,
} from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import { AttemptShape, CLASS_NAMES, CountShape, JobIdShape, JsonShape, OutputChunkShape } from './shapes.js';

const Stage = Type.Union(
  ['queued', 'running', 'succeeded', 'failed', 'timed_out', 'expired', 'cancelled'].map((name) =>
    Type.Literal(name),
  ),
);
/** Where a job stands, for its tenant. */
export type JobStage = 'queued' | 'running' | 'succeeded' | 'failed' | 'timed_out' | 'expired' | 'cancelled';
/** Stages that a job never leaves. */
export const FINAL_STAGES: ReadonlySet<JobStage> = new Set([
  'succeeded',
  'failed',
  'timed_out',
  'expired',
  'cancelled',
]);

/** The output of a finished job, whole. */
export const OutputViewShape = Type.Object({
  bytes: CountShape,
  truncated: Type.Boolean(),
  chunks: Type.Array(OutputChunkShape),
});
export type OutputView = Static<typeof OutputViewShape>;

/** A job as its tenant sees it. */
export const JobViewShape = Type.Object({
  id: JobIdShape,
  tool: Type.String(),
  toolVersion: CountShape,
  /** These three are not there in answers of the release before. */
  class: Type.Optional(Type.Unsafe<PriorityClass>(Type.Union(CLASS_NAMES.map((name) => Type.Literal(name))))),
  /** The session that it belongs to; null for none. */
  session: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  /** What the job found of its session; null where it has none, and before its end. */
  sessionState: Type.Optional(Type.Union([Type.Unsafe<SessionState>(Type.String()), Type.Null()])),
  /** The schedule that submitted it; null where a caller did. */
  schedule: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  stage: Type.Unsafe<JobStage>(Stage),
  /** The current or last attempt; 0 before the first. */
  attempt: AttemptShape,
  maxAttempts: CountShape,
  cancelRequested: Type.Boolean(),
  timeoutMs: CountShape,
  acceptedAt: Type.String({ format: 'date-time' }),
  /** When a queued job may start; null: at any time. */
  runAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  /** Ends as `expired` when it was not started by then. */
  deadlineAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  /** The dead letter that this job repeats. */
  redriveOf: Type.Union([JobIdShape, Type.Null()]),
  startedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  finishedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  /** The tool's structured result; null until it finished, and where it made none. */
  result: JsonShape,
  exitCode: Type.Union([Type.Integer(), Type.Null()]),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
  usage: Type.Union([
    Type.Object({ wallMs: Type.Number(), cpuMs: Type.Number(), maxRssKiB: Type.Number() }),
    Type.Null(),
  ]),
  /** Null until the job finished; while it runs its output is in the event stream. */
  output: Type.Union([OutputViewShape, Type.Null()]),
  /** What was collected of its files; null where nothing was asked for. Not there in answers of the release before. */
  files: Type.Optional(
    Type.Union([
      Type.Object({ count: CountShape, bytes: CountShape, truncated: Type.Boolean() }),
      Type.Null(),
    ]),
  ),
});
export type JobView = Static<typeof JobViewShape>;

/** Answer of GET /v1/dead-letters: jobs that used up their attempts, and where the next page goes on. */
export interface DeadLettersView {
  readonly letters: readonly JobView[];
  readonly next: number | null;
}

/** Answer of GET /v1/jobs/ID/files. */
export interface FilesView {
  readonly id: string;
  readonly count: number;
  readonly bytes: number;
  readonly truncated: boolean;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  /** What was asked for and is not among them, and why. */
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
  /** How many more were skipped and are not listed. */
  readonly skippedMore: number;
}

/** A tool as GET /v1/tools lists it. */
export interface ToolView {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly timeoutMsDefault: number;
  readonly timeoutMsMax: number;
  readonly outputBytes: number;
  /** Hosts that its jobs may reach; left out where they have no network. */
  readonly egress?: Egress;
  readonly arguments: JsonObject;
}

/** Answer of GET /v1/status: the fleet, and the caller's own jobs. */
export interface StatusView {
  readonly version: string;
  readonly shard: string;
  readonly epoch: number;
  readonly ledger: {
    readonly connected: boolean;
    /** Whether an acceptance is on disk before it is answered. */
    readonly syncedAcceptance: boolean;
    readonly server: string;
    readonly detail: string;
  };
  readonly executionMode: string;
  readonly workers: {
    readonly ready: number;
    readonly draining: number;
    readonly freeCpuMilli: number;
    readonly freeMemoryMiB: number;
  };
  readonly jobs: { readonly queued: number; readonly running: number };
}

/** Events of GET /v1/jobs/ID/events. SSE: `event:` is the type, `data:` the rest as JSON. */
export type JobStreamEvent =
  /** The job's new state. The last event of a stream is one with a final stage; its `output` is null, since it was streamed. */
  | { readonly type: 'state'; readonly job: JobView }
  /** A new attempt began; output offsets start again at 0. */
  | { readonly type: 'attempt'; readonly attempt: number }
  /** `id:` of the SSE event is `attempt:offset`, offset being the end of the chunk: where a resumed stream goes on. */
  | { readonly type: 'output'; readonly attempt: number; readonly chunk: Static<typeof OutputChunkShape> }
  /** The attempt wrote more than its output limit; what came is exactly the limit. */
  | { readonly type: 'truncated'; readonly attempt: number; readonly bytes: number };

/** RFC 9457 problem document, `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly retryAfterMs?: number;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The problem document of a refusal. */
export const problemOf = (refusal: Refusal): Problem => {
  const spec = PROBLEMS[refusal.code];
  return {
    type: `urn:zerofleet:problem:${refusal.code}`,
    title: spec.title,
    status: spec.status,
    detail: refusal.detail,
    code: refusal.code,
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  };
};
