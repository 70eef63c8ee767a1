/**
 * Keeps the scheduler's policies and pauses in line with what operators have set, on standbys too, so that a new leader
 * starts nothing that is paused.
 *
 * P1  A tenant is told to the scheduler when its first job is, and again whenever its quotas change.
 * P2  The scheduler knows of the stored bytes of tenants that have such a quota.
 */
import type { QuotaChanges, Quotas, TenantId, ToolName } from '@zerofleet/model';
import type { PauseRecord } from '@zerofleet/protocol';
import { DEFAULT_POLICY, isDefault, type FairScheduler, type TenantPolicy } from '@zerofleet/scheduler';
import type { ControlChange, Controls } from '../controls/controls.js';
import type { JobRecord } from './job-record.js';
import type { UsageBook } from './usage-book.js';

/** Tenants that are remembered as told; beyond that all are told again when they come. */
const TOLD_MAX = 200_000;

export class Policies {
  private readonly controls: Controls;
  private readonly ready: FairScheduler<JobRecord>;
  private readonly usage: UsageBook;
  private readonly told = new Set<TenantId>();
  /** Tenants with a quota of stored bytes. */
  private readonly storing = new Set<TenantId>();

  constructor(controls: Controls, ready: FairScheduler<JobRecord>, usage: UsageBook) {
    this.controls = controls;
    this.ready = ready;
    this.usage = usage;
    for (const pause of controls.pauses()) ready.pause(pause.target);
  }

  /** A job of the tenant is new, on the scheduler's clock. */
  know(tenant: TenantId, nowMs: number): void {
    if (this.told.has(tenant)) return;
    if (this.told.size >= TOLD_MAX) this.told.clear();
    this.told.add(tenant);
    const policy = policyOf(this.controls.quotasOf(tenant));
    if (policy !== DEFAULT_POLICY) this.tell(tenant, policy, nowMs);
  }

  /** What a tenant has stored may have changed (P2). */
  stored(tenant: TenantId): void {
    if (!this.storing.has(tenant)) return;
    const { ready, usage } = this;
    ready.store(tenant, usage.storedBytes(tenant) - ready.storedBytes(tenant));
  }

  /** The same of all tenants. */
  storedOfAll(): void {
    for (const tenant of this.storing) this.stored(tenant);
  }

  /** Whether what the tenant uses must be noted (UsageBook, G3). */
  isLimited(tenant: TenantId): boolean {
    const { computeSecondsPerDay, storedBytesMax } = this.controls.quotasOf(tenant);
    return computeSecondsPerDay !== null || storedBytesMax !== null;
  }

  /** Whether any tenant may have such a quota. */
  isAnyLimited(): boolean {
    const needsNotes = ({ computeSecondsPerDay, storedBytesMax }: QuotaChanges): boolean =>
      (computeSecondsPerDay ?? null) !== null || (storedBytesMax ?? null) !== null;
    if (needsNotes(this.controls.defaults())) return true;
    for (const { quotas } of this.controls.tenants()) if (needsNotes(quotas)) return true;
    return false;
  }

  /** Something was set; on the scheduler's clock. */
  changed(change: ControlChange, nowMs: number): void {
    if (change.kind === 'pause') this.repause(change.before, change.now);
    if (change.kind !== 'quotas') return;
    const touched = change.tenant === null ? [...this.told] : [change.tenant];
    for (const tenant of touched) this.retell(tenant, nowMs);
  }

  private retell(tenant: TenantId, nowMs: number): void {
    if (this.told.has(tenant)) this.tell(tenant, policyOf(this.controls.quotasOf(tenant)), nowMs);
  }

  private tell(tenant: TenantId, policy: TenantPolicy, nowMs: number): void {
    this.ready.setTenant(tenant, policy, nowMs);
    if (policy.storedBytesMax === Infinity) this.storing.delete(tenant);
    else this.storing.add(tenant);
    this.stored(tenant);
    // What it used before it had a quota counts too; the scheduler may have forgotten it meanwhile.
    if (policy.computeMsPerDay !== Infinity) this.countUsed(tenant, nowMs);
  }

  /** Brings the scheduler's sum of the tenant's compute time of the day in line with the book. */
  countUsed(tenant: TenantId, nowMs: number): void {
    const { ready, usage } = this;
    const missing = usage.usedMs(tenant, nowMs) - ready.computeUsedMs(tenant, nowMs);
    if (missing !== 0) ready.countCompute(tenant, missing, nowMs);
  }

  private repause(before: PauseRecord | undefined, now: PauseRecord | undefined): void {
    if (before !== undefined && now === undefined) this.ready.resume(before.target);
    if (now !== undefined) this.ready.pause(now.target);
  }
}

/** The scheduler's part of quotas; the rest is the door's business. */
export const policyOf = (quotas: Quotas): TenantPolicy => {
  const { weight, ceiling, startRate, runningMax, computeSecondsPerDay, storedBytesMax, toolRunningMax } =
    quotas;
  const tools = Object.entries(toolRunningMax) as [ToolName, number][];
  const policy: TenantPolicy = {
    weight,
    ceiling,
    runningMax: runningMax ?? Infinity,
    runningMaxByTool: new Map(tools),
    rate: startRate,
    computeMsPerDay: computeSecondsPerDay === null ? Infinity : computeSecondsPerDay * 1_000,
    storedBytesMax: storedBytesMax ?? Infinity,
  };
  return isDefault(policy) ? DEFAULT_POLICY : policy;
};
