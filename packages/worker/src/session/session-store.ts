/**
 * Sessions' records and saved files over NATS, as a worker reaches them. The buckets are the coordinator's to make: opened at
 * first use, since it may come later.
 */
import { jetstream } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { TenantId, WorkerId } from '@zerofleet/model';
import {
  encodeJson,
  parseSessionRecord,
  parseSessionReply,
  SESSIONS_VERSION,
  sessionKey,
  type SessionCall,
  type SessionRecord,
  type ShardNames,
} from '@zerofleet/protocol';
import { isConflict, type NatsConnection } from '@zerofleet/runtime';

/** A record as it was read; who changes it names the revision. */
export interface HeldRecord {
  readonly record: SessionRecord;
  readonly revision: number;
}

export interface SessionStore {
  /** Undefined where there is none, or none that this release can read. Throws on broken IO. */
  get(tenant: TenantId, session: string): Promise<HeldRecord | undefined>;
  /** Stores `record` where `before` is what stands there (undefined: nothing); undefined when it is not. Throws on broken IO. */
  put(record: SessionRecord, before: HeldRecord | undefined): Promise<HeldRecord | undefined>;
  /** Asks the worker that has the session's container. `silent`: it does not answer. Never throws. */
  ask(worker: WorkerId, call: Omit<SessionCall, 'v'>, withinMs: number): Promise<'done' | 'busy' | 'silent'>;
}

export class NatsSessionStore implements SessionStore {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private opening: Promise<KV> | undefined;

  constructor(connection: NatsConnection, names: ShardNames) {
    this.connection = connection;
    this.names = names;
  }

  async get(tenant: TenantId, session: string): Promise<HeldRecord | undefined> {
    const entry = await (await this.open()).get(sessionKey(tenant, session));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    const record = parseSessionRecord(entry.value);
    return record.ok ? { record: record.value, revision: entry.revision } : undefined;
  }

  async put(record: SessionRecord, before: HeldRecord | undefined): Promise<HeldRecord | undefined> {
    const kv = await this.open();
    const key = sessionKey(record.tenant, record.session);
    const bytes = encodeJson(record);
    try {
      const revision = await (before === undefined
        ? kv.create(key, bytes)
        : kv.update(key, bytes, before.revision));
      return { record, revision };
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  }

  async ask(
    worker: WorkerId,
    call: Omit<SessionCall, 'v'>,
    withinMs: number,
  ): Promise<'done' | 'busy' | 'silent'> {
    try {
      const bytes = encodeJson({ v: SESSIONS_VERSION, ...call });
      const answer = await this.connection.request(this.names.session(worker), bytes, { timeout: withinMs });
      const reply = parseSessionReply(answer.data);
      return reply.ok ? reply.value.kind : 'silent';
    } catch {
      return 'silent';
    }
  }

  private async open(): Promise<KV> {
    this.opening ??= new Kvm(jetstream(this.connection)).open(this.names.sessions);
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }
}
