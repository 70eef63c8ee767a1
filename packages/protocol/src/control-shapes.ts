/** What operators and tenants set, as it crosses a wire: quotas, scopes, what is paused, schedules. */
import {
  QUOTA_BYTES_MAX,
  QUOTA_MAX,
  type PriorityClass,
  type QuotaChanges,
  type Quotas,
  type Scope,
} from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import { SubmitFields } from './submit.js';
import { CLASS_NAMES, TenantIdShape, ToolNameShape } from './shapes.js';

/** A name that people give: of a key, in words. */
export const TitleShape = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\x00-\\x1f\\x7f]+$' });
/** A secret's name, as arguments refer to it. */
export const SecretNameShape = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,63}$' });
/** The member that makes an object in arguments a reference to a secret: `{"$secret": NAME}`. */
export const SECRET_MEMBER = '$secret';
/** A schedule's name. */
export const ScheduleNameShape = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' });
/** A key's id, which is no secret. */
export const KeyIdShape = Type.String({ pattern: '^[a-z0-9]{12}$' });

const WEIGHT_MIN = 0.001;
const WEIGHT_MAX = 1_000;
const PER_SECOND_MIN = 0.001;
const PER_SECOND_MAX = 100_000;
const BURST_MAX = 1_000_000;

const count = (maximum: number) =>
  Type.Union([Type.Integer({ minimum: 1, maximum }), Type.Null()], {
    description: `1 to ${maximum}, or null for no limit`,
  });
const rate = Type.Union([
  Type.Object(
    {
      perSecond: Type.Number({ minimum: PER_SECOND_MIN, maximum: PER_SECOND_MAX }),
      burst: Type.Integer({ minimum: 1, maximum: BURST_MAX }),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
]);
export const ClassShape = Type.Unsafe<PriorityClass>(
  Type.Union(CLASS_NAMES.map((name) => Type.Literal(name))),
);

const quotaFields = {
  weight: Type.Number({ minimum: WEIGHT_MIN, maximum: WEIGHT_MAX }),
  ceiling: ClassShape,
  submitRate: rate,
  startRate: rate,
  queuedMax: count(QUOTA_MAX),
  runningMax: count(QUOTA_MAX),
  payloadBytesMax: count(QUOTA_BYTES_MAX),
  timeoutMsMax: count(QUOTA_MAX * 1_000),
  computeSecondsPerDay: count(QUOTA_MAX),
  sessionsMax: count(QUOTA_MAX),
  storedBytesMax: count(QUOTA_BYTES_MAX),
  toolRunningMax: Type.Record(ToolNameShape, Type.Integer({ minimum: 1, maximum: QUOTA_MAX }), {
    maxProperties: 64,
    additionalProperties: false,
  }),
} satisfies Record<keyof Quotas, unknown>;

/** Quotas that are set at one level. */
export const QuotaChangesShape = Type.Unsafe<QuotaChanges>(
  Type.Partial(Type.Object(quotaFields), { additionalProperties: false }),
);
/**
 * A change of them: what is not named stays. A member named in `unset` goes back to the level above; null is a value, and
 * says "no limit".
 */
export const QuotaPatchShape = Type.Object(
  {
    set: Type.Optional(QuotaChangesShape),
    unset: Type.Optional(
      Type.Array(
        Type.Unsafe<keyof Quotas>(Type.Union(Object.keys(quotaFields).map((name) => Type.Literal(name)))),
        {
          uniqueItems: true,
        },
      ),
    ),
  },
  { additionalProperties: false },
);
export type QuotaPatch = Static<typeof QuotaPatchShape>;

export const ScopeShape = Type.Unsafe<Scope>(
  Type.Union(['read', 'submit', 'manage', 'admin'].map((scope) => Type.Literal(scope))),
);

/** What can be paused: starts of its jobs, all of them from the next moment on. What runs goes on. */
export const PauseTargetShape = Type.Union([
  Type.Object({ kind: Type.Literal('fleet') }),
  Type.Object({ kind: Type.Literal('class'), class: ClassShape }),
  Type.Object({ kind: Type.Literal('tool'), tool: ToolNameShape }),
  Type.Object({ kind: Type.Literal('tenant'), tenant: TenantIdShape }),
]);
export type PauseTarget = Static<typeof PauseTargetShape>;

/** A target as one word, in paths and keys: `fleet`, `class.batch`, `tool.echo`, `tenant.acme`. */
export const wordOfTarget = (target: PauseTarget): string => {
  switch (target.kind) {
    case 'fleet':
      return 'fleet';
    case 'class':
      return `class.${target.class}`;
    case 'tool':
      return `tool.${target.tool}`;
    case 'tenant':
      return `tenant.${target.tenant}`;
  }
};

/**
 * Which runs are made that nobody could make in time. `skip`: none. `once`: one for all of them. `all`: each, the newest
 * CATCH_UP_MAX of them.
 */
export const MissedRunsShape = Type.Unsafe<'skip' | 'once' | 'all'>(
  Type.Union(['skip', 'once', 'all'].map((policy) => Type.Literal(policy))),
);
export type MissedRuns = Static<typeof MissedRunsShape>;

const {
  tool,
  arguments: args,
  files,
  collect,
  timeoutMs,
  maxAttempts,
  retry,
  class: jobClass,
  session,
} = SubmitFields;
/** Body of PUT /v1/schedules/NAME: when, and what to submit then. */
export const ScheduleShape = Type.Object(
  {
    cron: Type.String({ maxLength: 200, description: 'Five fields: minute, hour, day, month, weekday' }),
    zone: Type.Optional(
      Type.String({ maxLength: 64, description: 'IANA time zone; UTC where it is not given' }),
    ),
    missed: Type.Optional(MissedRunsShape),
    enabled: Type.Optional(Type.Boolean()),
    job: Type.Object(
      { tool, arguments: args, files, collect, timeoutMs, maxAttempts, retry, class: jobClass, session },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
export type Schedule = Static<typeof ScheduleShape>;
