/** The tenant API's shapes: what POST /v1/jobs takes and what every answer holds. docs/api.md explains them to readers. */
import {
  ATTEMPTS_MAX,
  INPUT_FILES_MAX,
  RETRY_PAUSE_MS_MAX,
  RUN_AHEAD_MS_MAX,
  type JsonObject,
  type Refusal,
} from '@zerofleet/model';
import { PROBLEMS } from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import {
  AttemptShape,
  CountShape,
  InputFileShape,
  JobIdShape,
  JsonObjectShape,
  JsonShape,
  OutputChunkShape,
  RetryCauseShape,
} from './shapes.js';

/** Body of POST /v1/jobs. */
export const SubmitShape = Type.Object(
  {
    tool: Type.String({ minLength: 1, maxLength: 64, description: 'Name of a tool of GET /v1/tools' }),
    arguments: Type.Optional(JsonObjectShape),
    files: Type.Optional(
      Type.Array(InputFileShape, {
        maxItems: INPUT_FILES_MAX,
        description: 'Put into the work directory first',
      }),
    ),
    timeoutMs: Type.Optional(
      Type.Integer({ minimum: 1, description: "Execution time; the tool's limits bound it" }),
    ),
    maxAttempts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ATTEMPTS_MAX,
        description: 'With 1 the job is never started twice',
      }),
    ),
    delayMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: RUN_AHEAD_MS_MAX,
        description: 'Not started before so long from now',
      }),
    ),
    runAt: Type.Optional(
      Type.String({
        maxLength: 40,
        description: 'Not started before this time, RFC 3339; instead of delayMs',
      }),
    ),
    deadlineMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: RUN_AHEAD_MS_MAX,
        description: 'Ends as `expired` when it was not started so long from now',
      }),
    ),
    retry: Type.Optional(
      Type.Object(
        {
          on: Type.Array(RetryCauseShape, {
            minItems: 1,
            uniqueItems: true,
            description: 'Ends of an attempt that are tried again',
          }),
          baseMs: Type.Optional(Type.Integer({ minimum: 0, maximum: RETRY_PAUSE_MS_MAX })),
          capMs: Type.Optional(Type.Integer({ minimum: 0, maximum: RETRY_PAUSE_MS_MAX })),
        },
        { additionalProperties: false, description: 'Within maxAttempts, after pauses with full jitter' },
      ),
    ),
  },
  { additionalProperties: false },
);
export type Submit = Static<typeof SubmitShape>;

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
});
export type JobView = Static<typeof JobViewShape>;

/** Answer of GET /v1/dead-letters: jobs that used up their attempts, and where the next page goes on. */
export interface DeadLettersView {
  readonly letters: readonly JobView[];
  readonly next: number | null;
}

/** A tool as GET /v1/tools lists it. */
export interface ToolView {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly timeoutMsDefault: number;
  readonly timeoutMsMax: number;
  readonly outputBytes: number;
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
