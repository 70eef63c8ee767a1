/**
 * Sessions' records over NATS: the bucket is made here, and every coordinator follows it; workers change it.
 *
 * S1  A session is closed by taking its record away at the revision that was read: a call that took it meanwhile is seen, and
 *     what a worker has of it is not used again, whether or not the worker hears of it.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { TenantId } from '@zerofleet/model';
import {
  encodeJson,
  parseSessionRecord,
  SESSIONS_VERSION,
  sessionKey,
  type SessionRecord,
  type ShardNames,
} from '@zerofleet/protocol';
import {
  isConflict,
  type Clock,
  type Logger,
  type NatsConnection,
  type OwnedBlobs,
} from '@zerofleet/runtime';
import type { SessionBook } from '../controls/session-book.js';
import { FollowedBucket } from './followed-bucket.js';

/** How long the worker that has the session's container is asked to end it, in ms: it ends by itself too, later. */
const CLOSE_ASK_MS = 2_000;
const CLOSE_TRIES = 5;

export interface SessionStoreOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: ShardNames;
  readonly files: OwnedBlobs;
  readonly settings: { readonly replicas: number; readonly sessionKeepMs: number };
  readonly book: SessionBook;
  readonly clock: Clock;
  readonly log: Logger;
}

export class SessionStore {
  private readonly options: SessionStoreOptions;
  private readonly bucket: FollowedBucket;

  private constructor(options: SessionStoreOptions, bucket: FollowedBucket) {
    this.options = options;
    this.bucket = bucket;
  }

  /** Makes the bucket, reads it whole and follows it. Throws on broken IO. */
  static async open(options: SessionStoreOptions): Promise<SessionStore> {
    const { connection, manager, names, settings, book, clock, log } = options;
    const bucket = await FollowedBucket.open({
      ...{ connection, manager, clock, log },
      bucket: names.sessions,
      settings: { history: 1, replicas: settings.replicas, ttl: settings.sessionKeepMs },
      onRecord: (key, bytes, revision) => {
        const record = bytes === null ? undefined : parseSessionRecord(bytes);
        book.apply(key, record?.ok === true ? record.value : null, revision);
      },
      revision: () => book.revision,
    });
    return new SessionStore(options, bucket);
  }

  close(): void {
    this.bucket.close();
  }

  /** Ends a session: its record, its files, its container. `unknown`: there is none. Throws on broken IO. */
  async end(tenant: TenantId, session: string): Promise<'ended' | 'unknown'> {
    for (let tries = 0; tries < CLOSE_TRIES; tries += 1) {
      const entry = await this.kv.get(sessionKey(tenant, session));
      if (entry === null || entry.operation !== 'PUT') return 'unknown';
      if (!(await this.takeAway(sessionKey(tenant, session), entry.revision))) continue;
      const record = parseSessionRecord(entry.value);
      if (record.ok) await this.clearAway(record.value);
      return 'ended';
    }
    throw new Error(`session ${session} changes on and on`);
  }

  private get kv(): KV {
    return this.bucket.kv;
  }

  /** False when somebody else changed the record meanwhile. */
  private async takeAway(key: string, revision: number): Promise<boolean> {
    try {
      await this.kv.delete(key, { previousSeq: revision });
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  private async clearAway({ tenant, session, live, saved }: SessionRecord): Promise<void> {
    const { connection, names, files, log } = this.options;
    const call = encodeJson({ v: SESSIONS_VERSION, kind: 'close', tenant, session });
    await Promise.all([
      live === null
        ? undefined
        : connection
            .request(names.session(live.worker), call, { timeout: CLOSE_ASK_MS })
            .catch(() => undefined),
      saved === null
        ? undefined
        : files
            .drop(saved.blob)
            .catch((error: unknown) => log.debug({ error: String(error) }, 'session_files_left')),
    ]);
  }
}
