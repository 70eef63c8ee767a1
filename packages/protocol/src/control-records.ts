/**
 * Records of the control store: what operators and tenants set, in a key-value bucket that every coordinator follows.
 *
 * R1  A record is read by itself: what another record says of it can be there before or after.
 * R2  One that this release cannot read counts as not there, and is said so: it must not take the others down.
 * R3  No record holds a key or a secret as it is: hashes and sealed values only.
 */
import type { TenantId } from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import {
  KeyIdShape,
  PauseTargetShape,
  QuotaChangesShape,
  ScheduleShape,
  ScopeShape,
  SecretNameShape,
  TitleShape,
  wordOfTarget,
  type PauseTarget,
} from './control-shapes.js';
import { jsonParser } from './parse.js';
import { CountShape, TenantIdShape } from './shapes.js';

export const CONTROLS_VERSION = 1;
const v = Type.Literal(CONTROLS_VERSION);
/** Who did it: the name of a key. */
const by = Type.String();
const timeOrNull = Type.Union([CountShape, Type.Null()]);

/** A tenant, and what quotas it has of its own. */
export const TenantRecordShape = Type.Object({
  v,
  tenant: TenantIdShape,
  quotas: QuotaChangesShape,
  createdAtMs: CountShape,
  by,
});
export type TenantRecord = Static<typeof TenantRecordShape>;

/** Quotas of tenants that have none of their own. */
export const DefaultsRecordShape = Type.Object({ v, quotas: QuotaChangesShape, by });
export type DefaultsRecord = Static<typeof DefaultsRecordShape>;

/** An API key. `tenant` is null for one of an operator. */
export const KeyRecordShape = Type.Object({
  v,
  id: KeyIdShape,
  tenant: Type.Union([TenantIdShape, Type.Null()]),
  name: TitleShape,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  scopes: Type.Array(ScopeShape),
  createdAtMs: CountShape,
  expiresAtMs: timeOrNull,
  by,
});
export type KeyRecord = Static<typeof KeyRecordShape>;

/** Something that is paused. */
export const PauseRecordShape = Type.Object({
  v,
  target: PauseTargetShape,
  reason: Type.String(),
  sinceMs: CountShape,
  by,
});
export type PauseRecord = Static<typeof PauseRecordShape>;

/** A tenant's secret. `sealed` opens only with the fleet's key, and only as this tenant's secret of this name. */
export const SecretRecordShape = Type.Object({
  v,
  tenant: TenantIdShape,
  name: SecretNameShape,
  sealed: Type.String(),
  createdAtMs: CountShape,
  updatedAtMs: CountShape,
  by,
});
export type SecretRecord = Static<typeof SecretRecordShape>;

/** A tenant's schedule. `revision` counts its changes: runs that an older one planned are taken back. */
export const ScheduleRecordShape = Type.Object({
  v,
  tenant: TenantIdShape,
  name: Type.String(),
  revision: CountShape,
  schedule: ScheduleShape,
  createdAtMs: CountShape,
  updatedAtMs: CountShape,
  by,
});
export type ScheduleRecord = Static<typeof ScheduleRecordShape>;

/** Each kind of record, by the first word of its key. */
export const CONTROL_PARSERS = {
  tenant: jsonParser(TenantRecordShape),
  defaults: jsonParser(DefaultsRecordShape),
  key: jsonParser(KeyRecordShape),
  pause: jsonParser(PauseRecordShape),
  secret: jsonParser(SecretRecordShape),
  schedule: jsonParser(ScheduleRecordShape),
};
export type ControlKind = keyof typeof CONTROL_PARSERS;
export interface ControlRecords {
  readonly tenant: TenantRecord;
  readonly defaults: DefaultsRecord;
  readonly key: KeyRecord;
  readonly pause: PauseRecord;
  readonly secret: SecretRecord;
  readonly schedule: ScheduleRecord;
}

/** Keys of the bucket. No id holds a dot, so none can stand for another one. */
export const controlKeys = {
  tenant: (tenant: TenantId): string => `tenant.${tenant}`,
  defaults: 'defaults',
  key: (tenant: TenantId | null, id: string): string => `key.${tenant ?? '_'}.${id}`,
  pause: (target: PauseTarget): string => `pause.${wordOfTarget(target)}`,
  secret: (tenant: TenantId, name: string): string => `secret.${tenant}.${name}`,
  schedule: (tenant: TenantId, name: string): string => `schedule.${tenant}.${name}`,
};

/** The kind of record that a key holds; undefined for one of another release. */
export const kindOfKey = (key: string): ControlKind | undefined => {
  const [word = ''] = key.split('.');
  return Object.hasOwn(CONTROL_PARSERS, word) ? (word as ControlKind) : undefined;
};

/** What tenants of one page have used, by whoever led, up to the ledger's message `seq`. */
export const UsagePageShape = Type.Object({
  v,
  page: CountShape,
  seq: CountShape,
  /** The UTC day that `usedMs` is of, counted from 1970. */
  day: CountShape,
  /** A span of kept outcomes, in ms; spans are counted from 1970. */
  spanMs: CountShape,
  tenants: Type.Array(
    Type.Object({
      tenant: TenantIdShape,
      usedMs: Type.Number(),
      kept: Type.Array(Type.Tuple([CountShape, Type.Number()])),
    }),
  ),
});
export type UsagePage = Static<typeof UsagePageShape>;
export const parseUsagePage = jsonParser(UsagePageShape);
