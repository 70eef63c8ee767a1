/** A submission: what POST /v1/jobs takes, and what a schedule submits when its time comes. */
import {
  ATTEMPTS_MAX,
  COLLECT_PATH_BYTES_MAX,
  COLLECT_PATHS_MAX,
  INPUT_FILES_MAX,
  RETRY_PAUSE_MS_MAX,
  RUN_AHEAD_MS_MAX,
  type PriorityClass,
} from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import { CLASS_NAMES, InputFileShape, JsonObjectShape, RetryCauseShape } from './shapes.js';

/** A session's name: the tenant's own, so that no other tenant's session can be named. */
export const SessionNameShape = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: "The tenant's jobs of one session run one after the other, in order",
});

/** Members of a submission. */
export const SubmitFields = {
  tool: Type.String({ minLength: 1, maxLength: 64, description: 'Name of a tool of GET /v1/tools' }),
  arguments: Type.Optional(JsonObjectShape),
  files: Type.Optional(
    Type.Array(InputFileShape, {
      maxItems: INPUT_FILES_MAX,
      description: 'Put into the work directory first',
    }),
  ),
  collect: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: COLLECT_PATH_BYTES_MAX }), {
      maxItems: COLLECT_PATHS_MAX,
      uniqueItems: true,
      description: 'Files and folders of the work directory that are kept with the outcome',
    }),
  ),
  class: Type.Optional(
    Type.Unsafe<PriorityClass>(
      Type.Union(
        CLASS_NAMES.map((name) => Type.Literal(name)),
        { description: "Waits less the higher it is; `normal`, or the tenant's ceiling if that is lower" },
      ),
    ),
  ),
  session: Type.Optional(SessionNameShape),
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
};

/** Body of POST /v1/jobs. */
export const SubmitShape = Type.Object(SubmitFields, { additionalProperties: false });
export type Submit = Static<typeof SubmitShape>;
