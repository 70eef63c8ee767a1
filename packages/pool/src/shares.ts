/**
 * Who breaks containers: a tool of a tenant whose jobs keep destroying theirs gets `breaksMax` fresh ones at once and then
 * `breaksPerS`, so that the starts that it costs are not missing for the others. Its own sound containers it has as ever.
 */
import type { TenantId, ToolName } from '@zerofleet/model';
import type { PoolPolicy } from './policy.js';

/** Tenants and tools that are remembered; the one that broke nothing for longest is forgotten first. */
const KNOWN_MAX = 4_096;
const MS_PER_S = 1_000;

interface Debt {
  readonly broken: number;
  readonly atMs: number;
}

export class BreakShares {
  private readonly policy: PoolPolicy;
  private readonly debts = new Map<string, Debt>();

  constructor(policy: PoolPolicy) {
    this.policy = policy;
  }

  /** A job of `tool` left its container broken. */
  broke(tenant: TenantId, tool: ToolName, nowMs: number): void {
    const key = keyOf(tenant, tool);
    const broken = this.owed(key, nowMs) + 1;
    this.debts.delete(key);
    this.debts.set(key, { broken, atMs: nowMs });
    const [oldest] = this.debts.keys();
    if (this.debts.size > KNOWN_MAX && oldest !== undefined) this.debts.delete(oldest);
  }

  /** Whether it may have a fresh container now. */
  mayTake(tenant: TenantId, tool: ToolName, nowMs: number): boolean {
    if (this.debts.size === 0) return true;
    return this.owed(keyOf(tenant, tool), nowMs) + 1 <= this.policy.breaksMax;
  }

  private owed(key: string, nowMs: number): number {
    const debt = this.debts.get(key);
    if (debt === undefined) return 0;
    const left = debt.broken - ((nowMs - debt.atMs) * this.policy.breaksPerS) / MS_PER_S;
    if (left <= 0) this.debts.delete(key);
    return Math.max(0, left);
  }
}

const keyOf = (tenant: TenantId, tool: ToolName): string => `${tenant}/${tool}`;
