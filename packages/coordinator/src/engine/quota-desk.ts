/**
 * What a tenant may submit just now, by its quotas. The leader's sums alone decide: Redis and gateways only shed early.
 *
 * Q1  A submission is admitted in the same turn in which it is staged, so two at once never share the last place.
 * Q2  Buckets of submit rates start empty with a reign: what the leader before granted is not granted again (I6).
 * Q3  A refusal says when to come back: exactly for a rate, and by how fast the tenant's jobs leave for a full queue.
 */
import type { JobEnvelope, ProblemCode, Quotas, TenantId } from '@zerofleet/model';
import type { NotTaken, RateLeft } from '@zerofleet/protocol';
import { RateBucket } from '@zerofleet/scheduler';
import type { Clock } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { SessionBook } from '../controls/session-book.js';
import type { Departures } from './departures.js';
import type { ShardState } from './shard-state.js';
import type { UsageBook } from './usage-book.js';

/** Buckets that are kept, at most; full ones go first, since a new one of theirs would be full as well. */
const BUCKETS_MAX = 10_000;

export interface QuotaDeskOptions {
  readonly controls: Controls;
  readonly state: ShardState;
  readonly usage: UsageBook;
  readonly departures: Departures;
  readonly clock: Clock;
  /** Sessions that are open though no job of theirs is live; undefined where none are kept. */
  readonly sessions: SessionBook | undefined;
  /** What the outcome of a job may take to store, at most, in bytes. */
  readonly outcomeBytesMax: (job: JobEnvelope) => number;
}

interface Bucket {
  readonly tokens: RateBucket;
  perSecond: number;
  burst: number;
}

/** Admitted, and what its rate has left; or not, and why. */
export type Admission = { readonly kind: 'admitted'; readonly rate?: RateLeft } | NotTaken;

const ADMITTED: Admission = { kind: 'admitted' };

export class QuotaDesk {
  private readonly options: QuotaDeskOptions;
  private readonly beganAtMs: number;
  private readonly buckets = new Map<TenantId, Bucket>();

  constructor(options: QuotaDeskOptions) {
    this.options = options;
    this.beganAtMs = options.clock.nowMs();
  }

  /** Takes a place for a new job (Q1), or says why there is none. */
  admit(envelope: JobEnvelope): Admission {
    const { tenant } = envelope;
    const quotas = this.options.controls.quotasOf(tenant);
    const refused =
      this.overQueue(tenant, quotas) ??
      this.overSessions(envelope, quotas) ??
      this.overStock(envelope, quotas);
    if (refused !== undefined) return refused;
    return quotas.submitRate === null ? ADMITTED : this.takeToken(tenant, quotas.submitRate);
  }

  private overQueue(tenant: TenantId, { queuedMax }: Quotas): NotTaken | undefined {
    const { state, departures, clock } = this.options;
    if (queuedMax === null || state.countsOf(tenant).queued < queuedMax) return undefined;
    return refusal('quota_queued', departures.nextInMs(tenant, clock.wallMs()));
  }

  private overSessions({ tenant, extras }: JobEnvelope, { sessionsMax }: Quotas): NotTaken | undefined {
    const { usage, departures, clock, sessions } = this.options;
    const session = extras?.session;
    if (sessionsMax === null || session === undefined) return undefined;
    const nowMs = clock.wallMs();
    const isBusy = (name: string): boolean => usage.hasSession(tenant, name);
    if (isBusy(session) || sessions?.get(tenant, session, nowMs) !== undefined) return undefined;
    const beside = sessions?.countBeside(tenant, isBusy, nowMs) ?? 0;
    if (usage.sessions(tenant) + beside < sessionsMax) return undefined;
    return refusal('quota_sessions', departures.nextInMs(tenant, clock.wallMs()));
  }

  private overStock(envelope: JobEnvelope, { storedBytesMax }: Quotas): NotTaken | undefined {
    if (storedBytesMax === null) return undefined;
    const { usage, clock, outcomeBytesMax } = this.options;
    const { tenant, payload } = envelope;
    const bytes = payload.kind === 'blob' ? payload.blob.bytes : payload.bytes;
    // One whose outcome could never be stored would wait for ever.
    if (bytes + outcomeBytesMax(envelope) > storedBytesMax) return refusal('quota_stored', undefined);
    const files = this.options.sessions?.savedBytes(tenant) ?? 0;
    if (usage.storedBytes(tenant) + files + bytes <= storedBytesMax) return undefined;
    const freeAtMs = usage.nextFreeAtMs(tenant);
    return refusal('quota_stored', freeAtMs === Infinity ? undefined : freeAtMs - clock.wallMs());
  }

  private takeToken(tenant: TenantId, { perSecond, burst }: NonNullable<Quotas['submitRate']>): Admission {
    const nowMs = this.options.clock.nowMs();
    const bucket = this.bucketOf(tenant, perSecond, burst, nowMs);
    const isTaken = bucket.take(nowMs);
    const left = bucket.left(nowMs);
    const resetMs = left >= burst ? 0 : Math.max(Math.ceil(bucket.readyAtMs(nowMs, left + 1) - nowMs), 0);
    const rate = { left, resetMs };
    return isTaken ? { kind: 'admitted', rate } : { ...refusal('rate_limited', resetMs), rate };
  }

  private bucketOf(tenant: TenantId, perSecond: number, burst: number, nowMs: number): RateBucket {
    const known = this.buckets.get(tenant);
    if (known === undefined) {
      if (this.buckets.size >= BUCKETS_MAX) this.dropFull(nowMs);
      const tokens = new RateBucket(perSecond, burst, this.beganAtMs);
      this.buckets.set(tenant, { tokens, perSecond, burst });
      return tokens;
    }
    if (known.perSecond !== perSecond || known.burst !== burst) {
      known.tokens.change(perSecond, burst, nowMs);
      known.perSecond = perSecond;
      known.burst = burst;
    }
    return known.tokens;
  }

  private dropFull(nowMs: number): void {
    for (const [tenant, { tokens, burst }] of this.buckets)
      if (tokens.left(nowMs) >= burst) this.buckets.delete(tenant);
  }
}

const refusal = (why: ProblemCode, retryAfterMs: number | undefined): NotTaken =>
  retryAfterMs === undefined
    ? { kind: 'refused', why }
    : { kind: 'refused', why, retryAfterMs: Math.max(Math.ceil(retryAfterMs), 1) };
