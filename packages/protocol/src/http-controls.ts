/** What tenants and operators set, over HTTP: bodies and answers. docs/api.md explains them to readers. */
import { SECRET_BYTES_MAX, type Quotas, type QuotaChanges, type Scope } from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import {
  QuotaChangesShape,
  ScopeShape,
  TitleShape,
  type MissedRuns,
  type Schedule,
} from './control-shapes.js';

/** Body of POST /v1/keys and of its admin forms. */
export const NewKeyShape = Type.Object(
  {
    name: TitleShape,
    /** All that a tenant's key may have, where it is not given. */
    scopes: Type.Optional(Type.Array(ScopeShape, { minItems: 1, uniqueItems: true })),
    expiresAt: Type.Optional(
      Type.String({ maxLength: 40, description: 'RFC 3339; never, where it is not given' }),
    ),
  },
  { additionalProperties: false },
);
export type NewKey = Static<typeof NewKeyShape>;

/** A key as it is listed. */
export interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string | null;
  readonly expiresAt: string | null;
  /** `file`: from the tenants file, and revoked there. `store`: made by the API. */
  readonly source: 'file' | 'store';
}
/** Answer of POST /v1/keys: the key itself, this once. */
export interface NewKeyView extends KeyView {
  readonly key: string;
}
export interface KeysView {
  readonly keys: readonly KeyView[];
}

/** Body of PUT /v1/secrets/NAME. No answer ever holds a value. */
export const NewSecretShape = Type.Object(
  { value: Type.String({ maxLength: SECRET_BYTES_MAX }) },
  { additionalProperties: false },
);
export type NewSecret = Static<typeof NewSecretShape>;
export interface SecretView {
  readonly name: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}
export interface SecretsView {
  readonly secrets: readonly SecretView[];
}

/** A schedule, and when it runs next. */
export interface ScheduleView {
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  readonly missed: MissedRuns;
  readonly enabled: boolean;
  readonly job: Schedule['job'];
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Its next runs, three at most; none while it is not enabled. */
  readonly next: readonly string[];
}
export interface SchedulesView {
  readonly schedules: readonly ScheduleView[];
}

/** What a tenant uses just now. */
export interface UsageView {
  readonly queued: number;
  readonly running: number;
  readonly sessions: number;
  readonly computeSecondsToday: number;
  readonly storedBytes: number;
}

/** Answer of GET /v1/quotas and of its admin form: what holds, what was set for the tenant itself, and what it uses. */
export interface QuotasView {
  readonly tenant: string;
  readonly quotas: Quotas;
  readonly own: QuotaChanges;
  /** Null while nobody leads. */
  readonly usage: UsageView | null;
}

/** Body of PUT /v1/admin/tenants/TENANT: makes the tenant, or replaces its quotas. */
export const NewTenantShape = Type.Object(
  { quotas: Type.Optional(QuotaChangesShape) },
  { additionalProperties: false },
);
export type NewTenant = Static<typeof NewTenantShape>;
export interface TenantView {
  readonly tenant: string;
  readonly own: QuotaChanges;
  readonly keys: number;
  readonly paused: boolean;
  /** Null for one that the tenants file alone names. */
  readonly createdAt: string | null;
}
export interface TenantsView {
  readonly tenants: readonly TenantView[];
}
/** Answer of GET /v1/admin/defaults. */
export interface DefaultsView {
  readonly quotas: Quotas;
  readonly own: QuotaChanges;
}

/** Body of PUT /v1/admin/pauses/TARGET. */
export const NewPauseShape = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: 200 })) },
  { additionalProperties: false },
);
export type NewPause = Static<typeof NewPauseShape>;
export interface PauseView {
  /** `fleet`, `class.NAME`, `tool.NAME`, `tenant.NAME`. */
  readonly target: string;
  readonly reason: string;
  readonly since: string;
  readonly by: string;
}
export interface PausesView {
  readonly pauses: readonly PauseView[];
}

/**
 * Why a job waits. `due`: its time has not come. `paused`, `rollout`: by people, or by a rollout. `quota`, `rate`: of its
 * tenant, or of its tool. `session`: a job of its session is before it. `placement`: no worker could take it, whatever ends.
 * `capacity`: its turn has not come.
 */
export type WaitReason =
  'due' | 'paused' | 'rollout' | 'quota' | 'rate' | 'session' | 'placement' | 'capacity';

/** Answer of GET /v1/jobs/ID/why. */
export interface WhyView {
  readonly id: string;
  readonly stage: string;
  /** Null for a job that does not wait. */
  readonly waiting: {
    readonly reason: WaitReason;
    /** The quota, where that is the reason: `running`, `tool_running`, `compute`, `stored`, `tool`. */
    readonly quota: string | null;
    /** One sentence. */
    readonly detail: string;
    /** Jobs that are likely to start before it. */
    readonly position: number;
    /** How long it is likely to wait yet; null when nobody knows. */
    readonly waitMs: number | null;
  } | null;
}
