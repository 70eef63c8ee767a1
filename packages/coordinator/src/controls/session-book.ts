/**
 * Open sessions as their records say, in memory: followed from the store by every coordinator.
 *
 * B1  A session counts as open until its record is taken away, or was not used for `keepMs`: then the store lets it go, which
 *     nobody hears of.
 */
import type { TenantId } from '@zerofleet/model';
import type { SessionRecord } from '@zerofleet/protocol';

export class SessionBook {
  private readonly keepMs: number;
  private readonly byTenant = new Map<TenantId, Map<string, SessionRecord>>();
  private readonly byKey = new Map<string, SessionRecord>();
  private seen = 0;

  constructor(keepMs: number) {
    this.keepMs = keepMs;
  }

  /** The newest change that was applied. */
  get revision(): number {
    return this.seen;
  }

  /** A record is there, or (null) is not any more. */
  apply(key: string, record: SessionRecord | null, revision: number): void {
    this.seen = Math.max(this.seen, revision);
    const before = this.byKey.get(key);
    if (before !== undefined) this.forget(before);
    this.byKey.delete(key);
    if (record === null) return;
    this.byKey.set(key, record);
    const own = this.byTenant.get(record.tenant) ?? new Map<string, SessionRecord>();
    this.byTenant.set(record.tenant, own.set(record.session, record));
  }

  get(tenant: TenantId, session: string, nowMs: number): SessionRecord | undefined {
    const record = this.byTenant.get(tenant)?.get(session);
    return record !== undefined && this.isKept(record, nowMs) ? record : undefined;
  }

  /** The tenant's, by name. */
  list(tenant: TenantId, nowMs: number): SessionRecord[] {
    const own = [...(this.byTenant.get(tenant)?.values() ?? [])];
    return own
      .filter((record) => this.isKept(record, nowMs))
      .sort((a, b) => (a.session < b.session ? -1 : 1));
  }

  /** Sessions of the tenant that `others` does not name. */
  countBeside(tenant: TenantId, others: (session: string) => boolean, nowMs: number): number {
    let count = 0;
    for (const record of this.byTenant.get(tenant)?.values() ?? [])
      if (this.isKept(record, nowMs) && !others(record.session)) count += 1;
    return count;
  }

  /** Bytes of the tenant's saved files. */
  savedBytes(tenant: TenantId): number {
    let bytes = 0;
    for (const { saved } of this.byTenant.get(tenant)?.values() ?? []) bytes += saved?.blob.bytes ?? 0;
    return bytes;
  }

  /** Whether some session's files are in the blob of that name. */
  names(sha256: string): boolean {
    for (const { saved } of this.byKey.values()) if (saved?.blob.sha256 === sha256) return true;
    return false;
  }

  private isKept({ usedAtMs }: SessionRecord, nowMs: number): boolean {
    return nowMs - usedAtMs < this.keepMs;
  }

  private forget({ tenant, session }: SessionRecord): void {
    const own = this.byTenant.get(tenant);
    own?.delete(session);
    if (own?.size === 0) this.byTenant.delete(tenant);
  }
}
