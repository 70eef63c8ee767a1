/**
 * Blobs in the JetStream object store, named by content: the same bytes are stored once, and a name never changes
 * its meaning. A plain `put` would overwrite an existing name silently; equal names here have equal bytes.
 *
 * B1  A blob's time is when it was put last, to REFRESH_MS: a put of what is there stores its meta message again. So
 *     whoever was given a reference can rely on the blob for its age limit less REFRESH_MS.
 * B2  Refresh and removal are fenced by the meta message they are about: the one names its sequence as the expected
 *     last of its subject, the other deletes exactly that message. Of the two one wins, and a put that lost stores
 *     the bytes anew, as chunks of another name.
 * B3  A store opened with a limit takes no new blob above PUT_SHARE of it: the rest is for whoever has to end
 *     something, and opens the store without one.
 */
import { createHash } from 'node:crypto';
import {
  DeliverPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { Base64UrlPaddedCodec, Objm, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import { headers } from 'nats';
import type { BlobRef } from '@zerofleet/model';
import type { NatsConnection } from './nats.js';

/** A blob that is put again after so long gets a new time, in ms. */
const REFRESH_MS = 3_600_000;
const PUT_SHARE = 0.8;
/** How long the fill of the bucket is believed, in ms. */
const FILL_MS = 1_000;
/** Chunks that no blob names after so long belong to no put that is under way, in ms. */
const ORPHAN_MS = 3_600_000;
/** Tries of a put that meets the removal of the same blob, at most. */
const PUT_TRIES = 3;
/** Blobs that a list asks for at once, at most, and how long it waits for them, in ms. */
const PAGE_MAX = 1_000;
const PAGE_MS = 5_000;
/** JetStream's error codes: the stream is full, the fence holds. */
const STREAM_FULL = 10_077;
const WRONG_TAIL = 10_071;
/** And for a message that is not there, by what removed it. */
const NOT_THERE: readonly number[] = [10_037, 10_043, 10_057];

/** `blob_unavailable`: it is not there, or its bytes are not those its name says. `blobs_full`: no room for a new one. */
export class BlobError extends Error {
  readonly code: 'blob_unavailable' | 'blobs_full';

  constructor(message: string, code: 'blob_unavailable' | 'blobs_full' = 'blob_unavailable') {
    super(message);
    this.code = code;
  }
}

export interface BlobStore {
  /** Stores `bytes`; resolves once they are acknowledged. Throws BlobError when there is no room. */
  put(bytes: Uint8Array): Promise<BlobRef>;
  /** The bytes of `ref`. Throws BlobError. */
  get(ref: BlobRef): Promise<Uint8Array>;
}

/** A blob store of which each blob is one owner's alone, who may remove it. */
export interface OwnedBlobs extends BlobStore {
  /** Resolves once the bucket is there. Throws on broken IO. */
  ready(): Promise<void>;
  /** Removes `ref`; that it is not there is fine. Throws on broken IO. */
  drop(ref: BlobRef): Promise<void>;
}

/** A stored blob as a sweeper sees it. */
export interface StoredBlob {
  readonly sha256: string;
  readonly bytes: number;
  /** When it was put last (B1), Unix ms. */
  readonly putAtMs: number;
  /** Names its chunks. */
  readonly nuid: string;
  /** Sequence of its meta message (B2). */
  readonly revision: number;
}

/** What a sweeper may do. */
export interface BlobShelf {
  /** Every blob there is. Throws on broken IO. */
  list(): AsyncIterable<StoredBlob>;
  /** Removes `blob` if it was not put again since it was listed; says whether it did. Throws on broken IO. */
  remove(blob: StoredBlob): Promise<boolean>;
  /**
   * Removes what no blob names: chunks of a put or a removal that was cut off, or of the slower one of two puts of the
   * same bytes. At most `max` times; resolves to how many. Throws on broken IO.
   */
  removeOrphans(max: number): Promise<number>;
}

export interface BlobSettings {
  readonly maxBytes: number;
  readonly replicas: number;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isCode = (error: unknown, ...codes: readonly number[]): boolean =>
  error instanceof JetStreamApiError && codes.includes(error.code);

/**
 * The blob store in `bucket`, which is made where it is missing, and given the limits of `settings` where those are set.
 * Opened at first use, since NATS may be away at start.
 */
export const natsBlobStore = (
  connection: NatsConnection,
  bucket: string,
  settings?: BlobSettings,
): OwnedBlobs & BlobShelf => new NatsBlobs(connection, bucket, settings);

type Meta = Partial<ObjectInfo> & { readonly name: string };

interface Opened {
  readonly store: ObjectStore;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
}

class NatsBlobs implements OwnedBlobs, BlobShelf {
  private readonly connection: NatsConnection;
  private readonly bucket: string;
  private readonly stream: string;
  private readonly settings: BlobSettings | undefined;
  private opening: Promise<Opened> | undefined;
  private fill: { readonly bytes: number; readonly untilMs: number } = { bytes: 0, untilMs: 0 };

  constructor(connection: NatsConnection, bucket: string, settings: BlobSettings | undefined) {
    this.connection = connection;
    this.bucket = bucket;
    this.stream = `OBJ_${bucket}`;
    this.settings = settings;
  }

  async put(bytes: Uint8Array): Promise<BlobRef> {
    const opened = await this.open();
    const ref = { sha256: sha256(bytes), bytes: bytes.byteLength };
    for (let left = PUT_TRIES; left > 0; left -= 1) {
      const known = await opened.store.info(ref.sha256);
      if (known === null || known.deleted || known.size !== ref.bytes) {
        await this.store(opened, ref, bytes);
        return ref;
      }
      if (await this.refresh(opened, known)) return ref;
    }
    throw new BlobError(`blob ${ref.sha256} was removed while it was put`);
  }

  async get(ref: BlobRef): Promise<Uint8Array> {
    const { store } = await this.open();
    const bytes = await store.getBlob(ref.sha256);
    if (bytes === null) throw new BlobError(`blob ${ref.sha256} is not in ${this.bucket}`);
    if (sha256(bytes) !== ref.sha256)
      throw new BlobError(`blob ${ref.sha256} does not hold what its name says`);
    return bytes;
  }

  async ready(): Promise<void> {
    await this.open();
  }

  async drop(ref: BlobRef): Promise<void> {
    const { store } = await this.open();
    const known = await store.info(ref.sha256);
    if (known === null || known.deleted) return;
    const putAtMs = Date.parse(known.mtime);
    await this.remove({ ...ref, putAtMs, nuid: known.nuid, revision: known.revision });
  }

  async *list(): AsyncIterable<StoredBlob> {
    const { client } = await this.open();
    const consumer = await client.consumers.get(this.stream, {
      filter_subjects: [`$O.${this.bucket}.M.>`],
      deliver_policy: DeliverPolicy.LastPerSubject,
    });
    try {
      for (let left = (await consumer.info(true)).num_pending; left > 0;) {
        // A blob that goes meanwhile is not sent: the list ends with what has come.
        const page = await consumer.fetch({ max_messages: Math.min(left, PAGE_MAX), expires: PAGE_MS });
        let came = 0;
        for await (const message of page) {
          came += 1;
          const { name, nuid = '', size = 0, deleted, mtime = '' } = message.json<Meta>();
          if (deleted !== true)
            yield { sha256: name, bytes: size, putAtMs: Date.parse(mtime), nuid, revision: message.seq };
        }
        if (came === 0) return;
        left -= came;
      }
    } finally {
      consumer.delete().catch(() => undefined);
    }
  }

  async remove(blob: StoredBlob): Promise<boolean> {
    const { manager } = await this.open();
    try {
      await manager.streams.deleteMessage(this.stream, blob.revision, false);
    } catch (error) {
      if (isCode(error, ...NOT_THERE)) return false;
      throw error;
    }
    await manager.streams.purge(this.stream, { filter: `$O.${this.bucket}.C.${blob.nuid}` });
    return true;
  }

  async removeOrphans(max: number): Promise<number> {
    const { manager } = await this.open();
    const prefix = `$O.${this.bucket}.C.`;
    // Before the blobs: a put that ends in between is then among those.
    const { state } = await manager.streams.info(this.stream, { subjects_filter: `${prefix}>` });
    const named = new Set<string>();
    for await (const { nuid } of this.list()) named.add(`${prefix}${nuid}`);
    let removed = 0;
    for (const subject of Object.keys(state.subjects ?? {})) {
      if (removed >= max) break;
      if (named.has(subject)) continue;
      const chunk = await manager.streams.getMessage(this.stream, { last_by_subj: subject });
      if (chunk === null || Date.now() - chunk.time.getTime() <= ORPHAN_MS) continue;
      await manager.streams.purge(this.stream, { filter: subject });
      removed += 1;
    }
    return removed;
  }

  private async open(): Promise<Opened> {
    this.opening ??= this.ensure();
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private async ensure(): Promise<Opened> {
    const { connection, bucket, settings } = this;
    const limits =
      settings === undefined ? {} : { max_bytes: settings.maxBytes, replicas: settings.replicas };
    const store = await new Objm(connection).create(bucket, {
      description: 'content-named blobs',
      ...limits,
    });
    const manager = await jetstreamManager(connection);
    if (settings !== undefined)
      await manager.streams.update(this.stream, {
        max_bytes: settings.maxBytes,
        num_replicas: settings.replicas,
      });
    return { store, client: jetstream(connection), manager };
  }

  private async store({ store, manager }: Opened, ref: BlobRef, bytes: Uint8Array): Promise<void> {
    if (
      this.settings !== undefined &&
      (await this.filled(manager)) + ref.bytes > PUT_SHARE * this.settings.maxBytes
    )
      throw new BlobError(`${this.bucket} holds no more than ${this.settings.maxBytes} bytes`, 'blobs_full');
    try {
      await store.putBlob({ name: ref.sha256 }, bytes);
      this.fill = { ...this.fill, bytes: this.fill.bytes + ref.bytes };
    } catch (error) {
      if (isCode(error, STREAM_FULL)) throw new BlobError(`${this.bucket} is full`, 'blobs_full');
      throw error;
    }
  }

  private async filled(manager: JetStreamManager): Promise<number> {
    if (this.fill.untilMs <= performance.now()) {
      const { state } = await manager.streams.info(this.stream);
      this.fill = { bytes: state.bytes, untilMs: performance.now() + FILL_MS };
    }
    return this.fill.bytes;
  }

  /** Gives an old blob a new time; false when it is not the one that was found any more (B2). */
  private async refresh({ client }: Opened, known: ObjectInfo): Promise<boolean> {
    if (Date.now() - Date.parse(known.mtime) <= REFRESH_MS) return true;
    const { name, description, options, bucket, nuid, size, chunks, digest } = known;
    const mtime = new Date().toISOString();
    const meta = { name, description, options, bucket, nuid, size, chunks, digest, deleted: false, mtime };
    const rollup = headers();
    rollup.set('Nats-Rollup', 'sub');
    const subject = `$O.${this.bucket}.M.${Base64UrlPaddedCodec.encode(name)}`;
    try {
      await client.publish(subject, JSON.stringify(meta), {
        headers: rollup,
        expect: { lastSubjectSequence: known.revision },
      });
      return true;
    } catch (error) {
      if (isCode(error, WRONG_TAIL)) return false;
      throw error;
    }
  }
}
