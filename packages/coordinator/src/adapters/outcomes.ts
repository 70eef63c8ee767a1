/**
 * Outcomes as tenants read them: the outcomes stream, with Redis in front of it as a cache.
 *
 * O1  The stream is a projection of the ledger, one subject a job, newest message only: writing it twice changes nothing.
 * O2  Redis is a cache (I8): a miss, an error or a flush means a read of the stream, never a wrong answer.
 * O3  A read names the tenant in its subject, so another tenant's job is simply not there (I11).
 */
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { JobId, TenantId } from '@zerofleet/model';
import { decodeOutcomeRecord, encodeJson, type OutcomeRecord, type ShardNames } from '@zerofleet/protocol';
import type { Logger, NatsConnection, Redis } from '@zerofleet/runtime';
import type { JobSnapshot, OutcomePort } from '../engine/ports.js';

/** How long Redis keeps an outcome, in s. */
const CACHE_TTL_S = 900;
const PUBLISH_TIMEOUT_MS = 5_000;
/** JetStream's error code for a message that is not there. */
const NO_MESSAGE = 10_037;

export interface OutcomeReader {
  /** The finished job, or undefined when there is none such of this tenant. Throws on broken IO. */
  read(tenant: TenantId, id: JobId): Promise<JobSnapshot | undefined>;
}

export class OutcomeStore implements OutcomePort, OutcomeReader {
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly names: ShardNames;
  private readonly redis: Redis;
  private readonly log: Logger;

  constructor(options: {
    readonly connection: NatsConnection;
    readonly manager: JetStreamManager;
    readonly names: ShardNames;
    readonly redis: Redis;
    readonly log: Logger;
  }) {
    this.client = jetstream(options.connection, { timeout: PUBLISH_TIMEOUT_MS });
    this.manager = options.manager;
    this.names = options.names;
    this.redis = options.redis;
    this.log = options.log;
  }

  async project(record: OutcomeRecord): Promise<void> {
    const { tenant, id } = record.job;
    const bytes = encodeJson(record);
    await this.client.publish(this.names.outcome(tenant, id), bytes, { timeout: PUBLISH_TIMEOUT_MS });
    this.cache(tenant, id, bytes);
  }

  async read(tenant: TenantId, id: JobId): Promise<JobSnapshot | undefined> {
    const bytes = (await this.fromCache(tenant, id)) ?? (await this.fromStream(tenant, id));
    if (bytes === undefined) return undefined;
    const parsed = decodeOutcomeRecord(bytes);
    if (!parsed.ok) throw new Error(`outcome of ${id} cannot be read by this release: ${parsed.reason}`);
    const { job, attempt, outcome, startedAtMs, finishedAtMs } = parsed.value;
    return { envelope: job, state: { kind: 'finished', attempt, outcome, startedAtMs, finishedAtMs } };
  }

  private key(tenant: TenantId, id: JobId): string {
    return this.names.outcome(tenant, id);
  }

  private cache(tenant: TenantId, id: JobId, bytes: Uint8Array): void {
    this.redis
      .set(this.key(tenant, id), Buffer.from(bytes), 'EX', CACHE_TTL_S)
      .catch((error: Error) => this.log.debug({ error: error.message }, 'outcome_cache_write_failed'));
  }

  private async fromCache(tenant: TenantId, id: JobId): Promise<Uint8Array | undefined> {
    try {
      return (await this.redis.getBuffer(this.key(tenant, id))) ?? undefined;
    } catch {
      return undefined;
    }
  }

  private async fromStream(tenant: TenantId, id: JobId): Promise<Uint8Array | undefined> {
    try {
      const message = await this.manager.streams.getMessage(this.names.outcomesStream, {
        last_by_subj: this.names.outcome(tenant, id),
      });
      return message?.data;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return undefined;
      throw error;
    }
  }
}
