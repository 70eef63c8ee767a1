/**
 * What operators and tenants have set, as this process knows it: the control store's records in memory, found by what asks
 * for them. Every coordinator holds all of them, so a change acts everywhere as soon as it arrives.
 *
 * C1  Only what the store said is in here: who writes waits until it comes back this way.
 * C2  A record that cannot be read counts as not there (R2 in control-records.ts), and `onUnreadable` hears of it.
 * C3  A key stands for its tenant alone: one record never widens what another one gave.
 */
import { quotasOf, QUOTAS_BUILT_IN, type QuotaChanges, type Quotas, type TenantId } from '@zerofleet/model';
import {
  CONTROL_PARSERS,
  kindOfKey,
  type ControlKind,
  type ControlRecords,
  type KeyRecord,
  type PauseRecord,
  type ScheduleRecord,
  type SecretRecord,
  type TenantRecord,
} from '@zerofleet/protocol';

/** What changed, for who keeps something of it: a tenant's quotas (null: those of all), a pause, a schedule. */
export type ControlChange =
  | { readonly kind: 'quotas'; readonly tenant: TenantId | null }
  | {
      readonly kind: 'pause';
      readonly before: PauseRecord | undefined;
      readonly now: PauseRecord | undefined;
    }
  | {
      readonly kind: 'schedule';
      readonly before: ScheduleRecord | undefined;
      readonly now: ScheduleRecord | undefined;
    };

type Tables = { readonly [K in ControlKind]: Map<string, ControlRecords[K]> };

export class Controls {
  private readonly tables: Tables = {
    tenant: new Map(),
    defaults: new Map(),
    key: new Map(),
    pause: new Map(),
    secret: new Map(),
    schedule: new Map(),
  };
  private readonly byHash = new Map<string, KeyRecord>();
  /** Keys of records by the tenant that they are of, for kinds of which a tenant has several. */
  private readonly owned = new Map<string, Set<string>>();
  private readonly effective = new Map<TenantId, Quotas>();
  private readonly listeners = new Set<(change: ControlChange) => void>();
  private readonly onUnreadable: (key: string, reason: string) => void;
  private seen = 0;

  constructor(onUnreadable: (key: string, reason: string) => void = () => undefined) {
    this.onUnreadable = onUnreadable;
  }

  /** Everything that the store held up to this revision is in here. */
  get revision(): number {
    return this.seen;
  }

  /** Takes in a record, or its end (null). */
  apply(key: string, bytes: Uint8Array | null, revision: number): void {
    this.seen = Math.max(this.seen, revision);
    const kind = kindOfKey(key);
    if (kind === undefined) return;
    const parsed = bytes === null ? undefined : CONTROL_PARSERS[kind](bytes);
    if (parsed?.ok === false) this.onUnreadable(key, parsed.reason);
    this.replace(kind, key, parsed?.ok === true ? parsed.value : undefined);
  }

  /** Hears of every change until the returned function is called. */
  onChange(listener: (change: ControlChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // What is asked for

  /** The quotas that hold for a tenant. */
  quotasOf(tenant: TenantId): Quotas {
    const known = this.effective.get(tenant);
    if (known !== undefined) return known;
    const own = this.tables.tenant.get(`tenant.${tenant}`)?.quotas;
    if (own === undefined) return this.defaults();
    const quotas = quotasOf(this.defaults(), own);
    this.effective.set(tenant, quotas);
    return quotas;
  }

  /** The quotas of tenants that have none of their own. */
  defaults(): Quotas {
    const set = this.ownDefaults();
    return set === undefined ? QUOTAS_BUILT_IN : quotasOf(set);
  }

  /** What of them was set on this fleet. */
  ownDefaults(): QuotaChanges | undefined {
    return this.tables.defaults.get('defaults')?.quotas;
  }

  tenant(tenant: TenantId): TenantRecord | undefined {
    return this.tables.tenant.get(`tenant.${tenant}`);
  }

  tenants(): Iterable<TenantRecord> {
    return this.tables.tenant.values();
  }

  keyByHash(sha256: string): KeyRecord | undefined {
    return this.byHash.get(sha256);
  }

  /** Keys of a tenant, or of the operators (null). */
  keysOf(tenant: TenantId | null): readonly KeyRecord[] {
    return this.ownedBy('key', tenant);
  }

  secretsOf(tenant: TenantId): readonly SecretRecord[] {
    return this.ownedBy('secret', tenant);
  }

  secret(tenant: TenantId, name: string): SecretRecord | undefined {
    return this.tables.secret.get(`secret.${tenant}.${name}`);
  }

  schedulesOf(tenant: TenantId): readonly ScheduleRecord[] {
    return this.ownedBy('schedule', tenant);
  }

  schedule(tenant: TenantId, name: string): ScheduleRecord | undefined {
    return this.tables.schedule.get(`schedule.${tenant}.${name}`);
  }

  schedules(): Iterable<ScheduleRecord> {
    return this.tables.schedule.values();
  }

  pauses(): Iterable<PauseRecord> {
    return this.tables.pause.values();
  }

  // How it changes

  private ownedBy<K extends 'key' | 'secret' | 'schedule'>(
    kind: K,
    tenant: TenantId | null,
  ): readonly ControlRecords[K][] {
    const table = this.tables[kind] as Map<string, ControlRecords[K]>;
    const keys = this.owned.get(`${kind}.${tenant ?? '_'}`) ?? [];
    return [...keys].flatMap((key) => table.get(key) ?? []);
  }

  private replace(kind: ControlKind, key: string, now: ControlRecords[ControlKind] | undefined): void {
    const table = this.tables[kind] as Map<string, ControlRecords[ControlKind]>;
    const before = table.get(key);
    if (now === undefined) table.delete(key);
    else table.set(key, now);
    if (kind === 'key' || kind === 'secret' || kind === 'schedule') this.own(key, now !== undefined);
    this.follow(kind, before, now);
  }

  private own(key: string, isThere: boolean): void {
    const group = key.slice(0, key.lastIndexOf('.'));
    const keys = this.owned.get(group) ?? new Set();
    if (isThere) keys.add(key);
    else keys.delete(key);
    if (keys.size > 0) this.owned.set(group, keys);
    else this.owned.delete(group);
  }

  private follow(
    kind: ControlKind,
    before: ControlRecords[ControlKind] | undefined,
    now: ControlRecords[ControlKind] | undefined,
  ): void {
    switch (kind) {
      case 'key': {
        const [old, fresh] = [before as KeyRecord | undefined, now as KeyRecord | undefined];
        if (old !== undefined) this.byHash.delete(old.sha256);
        if (fresh !== undefined) this.byHash.set(fresh.sha256, fresh);
        return;
      }
      case 'tenant': {
        const { tenant } = (now ?? before ?? { tenant: null }) as { tenant: TenantId | null };
        if (tenant === null) return;
        this.effective.delete(tenant);
        return this.tell({ kind: 'quotas', tenant });
      }
      case 'defaults':
        this.effective.clear();
        return this.tell({ kind: 'quotas', tenant: null });
      case 'pause':
        return this.tell({ kind, before: before as PauseRecord, now: now as PauseRecord });
      case 'schedule':
        return this.tell({ kind, before: before as ScheduleRecord, now: now as ScheduleRecord });
      case 'secret':
        return;
    }
  }

  private tell(change: ControlChange): void {
    for (const listener of this.listeners) listener(change);
  }
}
