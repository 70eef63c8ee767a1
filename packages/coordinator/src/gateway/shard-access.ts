/**
 * A shard as the gateway reaches it, whether this replica leads or not. Everything may be missing at start and while a broker
 * is away; the gateway then answers with a typed refusal, never with a wrong one.
 */
import type { JobEnvelope, JobId, ProblemCode, TenantId } from '@zerofleet/model';
import type { DeadLetter, FindReply, StatusView, SubmitReply, UsageView, Wait } from '@zerofleet/protocol';
import type { BlobReader, BlobStore } from '@zerofleet/runtime';
import type { JobFeed } from '../engine/job-feed.js';
import type { JobSnapshot } from '../engine/ports.js';
import type { Tail } from './job-stream.js';

/** How an asked-for cancel ended: the job as it stands then, no such live job, or a reason why nobody can say. */
export type CancelAnswer =
  | { readonly kind: 'cancelled'; readonly job: JobSnapshot }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly why: ProblemCode };

/** `waits`: it is live; the wait is null when it does not wait. */
export type WhyAnswer = { readonly kind: 'waits'; readonly wait: Wait } | FindReply;

/** A page of a tenant's dead letters, and where the next one goes on. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  readonly next: number | null;
}

/** A shard's dead letters. Everything throws on broken IO. */
export interface DeadLetterAccess {
  list(tenant: TenantId, page: { readonly limit: number; readonly after: number }): Promise<DeadLetterPage>;
  get(tenant: TenantId, id: JobId): Promise<DeadLetter | undefined>;
  remove(tenant: TenantId, id: JobId): Promise<void>;
}

export interface ShardAccess {
  /** Hands a job to the leader. */
  submit(envelope: JobEnvelope): Promise<SubmitReply>;
  cancel(tenant: TenantId, id: JobId): Promise<CancelAnswer>;
  /** The job of `tenant`, live or finished; only the leader says that there is none. */
  find(tenant: TenantId, id: JobId): Promise<FindReply>;
  /** The job as this replica knows it just now. */
  known(tenant: TenantId, id: JobId): JobSnapshot | undefined;
  /** Committed changes of jobs, as this replica hears of them. */
  readonly feed: JobFeed;
  blobs(): (BlobStore & BlobReader) | undefined;
  deadLetters(): DeadLetterAccess | undefined;
  /** Whether the connection to NATS is up. */
  isConnected(): boolean;
  openTail(job: JobSnapshot, from: number, wake: () => void): Tail | undefined;
  /** Why a job of the tenant waits; the job where it is not live, so far as anybody can say. */
  why(tenant: TenantId, id: JobId): Promise<WhyAnswer>;
  /** What the tenant uses just now; undefined while nobody leads. */
  usage(tenant: TenantId): Promise<UsageView | undefined>;
  /** The fleet as its leader sees it; undefined while nobody leads. */
  status(tenant: TenantId): Promise<StatusView | undefined>;
}
