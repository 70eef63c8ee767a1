/**
 * Sessions' records over NATS: the bucket is made here, and every coordinator follows it; workers change it.
 *
 * S1  A session is closed by taking its record away at the revision that was read: a call that took it meanwhile is seen, and
 *     what a worker has of it is not used again, whether or not the worker hears of it.
 */
import { jetstream, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { TenantId } from '@zerofleet/model';
import {
  encodeJson,
  parseSessionRecord,
  SESSIONS_VERSION,
  sessionKey,
  type SessionRecord,
  type ShardNames,
} from '@zerofleet/protocol';
import { pause, type Clock, type Logger, type NatsConnection, type OwnedBlobs } from '@zerofleet/runtime';
import type { SessionBook } from '../controls/session-book.js';
import { followStream, readStream, type Take } from './streams.js';

/** JetStream's error code for an expected revision that is not the last one. */
const WRONG_LAST = 10_071;
/** Pause before a follow that broke is taken up again, in ms. */
const FOLLOW_RETRY_MS = 250;
/** How long the worker that has the session's container is asked to end it, in ms: it ends by itself too, later. */
const CLOSE_ASK_MS = 2_000;
const CLOSE_TRIES = 5;
/** Operations that end a record, as NATS marks them. */
const ENDS: ReadonlySet<string> = new Set(['DEL', 'PURGE']);

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
  private readonly kv: KV;
  private readonly stream: string;
  private readonly prefix: string;
  private stopFollowing: () => void = () => undefined;
  private closed = false;

  private constructor(options: SessionStoreOptions, kv: KV) {
    this.options = options;
    this.kv = kv;
    this.stream = `KV_${options.names.sessions}`;
    this.prefix = `$KV.${options.names.sessions}.`;
  }

  /** Makes the bucket, reads it whole and follows it. Throws on broken IO. */
  static async open(options: SessionStoreOptions): Promise<SessionStore> {
    const { connection, names, settings } = options;
    const kv = await new Kvm(connection).create(names.sessions, {
      history: 1,
      replicas: settings.replicas,
      ttl: settings.sessionKeepMs,
    });
    const store = new SessionStore(options, kv);
    await readStream(jetstream(connection), options.manager, store.stream, 1, store.take);
    await store.follow();
    return store;
  }

  close(): void {
    this.closed = true;
    this.stopFollowing();
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

  /** False when somebody else changed the record meanwhile. */
  private async takeAway(key: string, revision: number): Promise<boolean> {
    try {
      await this.kv.delete(key, { previousSeq: revision });
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST) return false;
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

  private readonly take: Take = (message) => {
    const operation = message.headers?.get('KV-Operation') ?? '';
    const key = message.subject.slice(this.prefix.length);
    const record = ENDS.has(operation) ? undefined : parseSessionRecord(message.data);
    this.options.book.apply(key, record?.ok === true ? record.value : null, message.seq);
  };

  private async follow(): Promise<void> {
    const { connection, book, clock, log } = this.options;
    while (!this.closed) {
      try {
        this.stopFollowing = await followStream(
          jetstream(connection),
          this.stream,
          book.revision + 1,
          this.take,
          (reason) => {
            log.warn({ reason }, 'session_follow_broken');
            clock.after(FOLLOW_RETRY_MS, () => void this.follow());
          },
        );
        if (this.closed) this.stopFollowing();
        return;
      } catch (error) {
        log.warn({ reason: String(error) }, 'session_follow_broken');
        await pause(clock, FOLLOW_RETRY_MS, new AbortController().signal);
      }
    }
  }
}
