/**
 * A shard as the gateway reaches it: the leader's engine when this replica leads, and the read side. Everything may be
 * missing at start and while a broker is away; the gateway then answers with a typed refusal, never with a wrong one.
 */
import type { JobId, TenantId } from '@zerofleet/model';
import type { StatusView } from '@zerofleet/protocol';
import type { BlobStore } from '@zerofleet/runtime';
import type { Engine } from '../engine/engine.js';
import type { JobSnapshot } from '../engine/ports.js';
import type { OutcomeReader } from '../adapters/outcomes.js';
import type { Tail } from './job-stream.js';

export interface ShardAccess {
  /** The engine while this replica leads. */
  engine(): Engine | undefined;
  outcomes(): OutcomeReader | undefined;
  blobs(): BlobStore | undefined;
  /** Whether the connection to NATS is up. */
  isConnected(): boolean;
  openTail(job: JobSnapshot, from: number, wake: () => void): Tail | undefined;
  status(tenant: TenantId): StatusView;
}

/** What a look-up found. `unavailable`: nobody can say just now whether there is such a job. */
export type Lookup =
  | { readonly kind: 'found'; readonly job: JobSnapshot }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable' };

/** The job of `tenant`, live or finished. */
export const lookUp = async (shard: ShardAccess, tenant: TenantId, id: JobId): Promise<Lookup> => {
  const engine = shard.engine();
  const live = engine?.find(tenant, id);
  if (live !== undefined) return { kind: 'found', job: live };
  try {
    const stored = await shard.outcomes()?.read(tenant, id);
    if (stored !== undefined) return { kind: 'found', job: stored };
  } catch {
    return { kind: 'unavailable' };
  }
  // The job may have been committed between the two looks, or be live in a shard that nobody leads just now.
  const late = engine?.find(tenant, id);
  if (late !== undefined) return { kind: 'found', job: late };
  return engine === undefined || shard.outcomes() === undefined
    ? { kind: 'unavailable' }
    : { kind: 'unknown' };
};
