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
 *     something, and opens the store without one. One opened with a share of its own takes none above that.
 * B4  A blob that comes in pieces has no name until the last one is there: until then its chunks are nobody's, and go as
 *     orphans when nothing comes of them. Nothing holds all of it in memory, neither here nor when it is read in pieces.
 */
import { createHash } from 'node:crypto';
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm, type ObjectInfo } from '@nats-io/obj';
import type { BlobRef } from '@zerofleet/model';
import {
  BlobError,
  type BlobIntake,
  type BlobReader,
  type BlobShelf,
  type BlobWriter,
  type OwnedBlobs,
  type StoredBlob,
} from './blob-ports.js';
import { orFull, PieceWriter, publishFenced, PUT_TRIES, type Opened } from './blob-writer.js';
import { isCode } from './jetstream-errors.js';
import type { NatsConnection } from './nats.js';

/** A blob that is put again after so long gets a new time, in ms. */
const REFRESH_MS = 3_600_000;
const PUT_SHARE = 0.8;
/** How long the fill of the bucket is believed, in ms. */
const FILL_MS = 1_000;
/** Chunks that no blob names after so long belong to no put that is under way, in ms. */
const ORPHAN_MS = 3_600_000;
/** Blobs that a list asks for at once, at most, and how long it waits for them, in ms. */
const PAGE_MAX = 1_000;
const PAGE_MS = 5_000;
/** JetStream's error codes for a message that is not there, by what removed it. */
const NOT_THERE: readonly number[] = [10_037, 10_043, 10_057];

export interface BlobSettings {
  readonly maxBytes: number;
  readonly replicas: number;
}

/** What of a bucket, whatever size it has, may be full of blobs before a new one is put. */
export interface BlobShare {
  /** 0 to 1. */
  readonly share: number;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The blob store in `bucket`, which is made where it is missing, and given the limits of `settings` where those are set.
 * Opened at first use, since NATS may be away at start.
 */
export const natsBlobStore = (
  connection: NatsConnection,
  bucket: string,
  settings?: BlobSettings | BlobShare,
): OwnedBlobs & BlobShelf & BlobIntake & BlobReader => new NatsBlobs(connection, bucket, settings);

type Meta = Partial<ObjectInfo> & { readonly name: string };

class NatsBlobs implements OwnedBlobs, BlobShelf, BlobIntake, BlobReader {
  private readonly connection: NatsConnection;
  private readonly bucket: string;
  private readonly stream: string;
  private readonly settings: BlobSettings | undefined;
  /** Undefined: it takes new blobs as long as there is room. */
  private readonly share: number | undefined;
  private opening: Promise<Opened> | undefined;
  private fill = { bytes: 0, maxBytes: 0, untilMs: 0 };

  constructor(connection: NatsConnection, bucket: string, settings: BlobSettings | BlobShare | undefined) {
    this.connection = connection;
    this.bucket = bucket;
    this.stream = `OBJ_${bucket}`;
    this.settings = settings !== undefined && 'maxBytes' in settings ? settings : undefined;
    this.share = settings !== undefined && 'share' in settings ? settings.share : this.settings && PUT_SHARE;
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

  begin(): BlobWriter {
    return new PieceWriter(this.bucket, {
      open: () => this.open(),
      makeRoom: (opened, bytes) => this.makeRoom(opened, bytes),
      refresh: (opened, known) => this.refresh(opened, known),
    });
  }

  async *read(ref: BlobRef): AsyncIterable<Uint8Array> {
    const { store, manager } = await this.open();
    const info = await store.info(ref.sha256);
    if (info === null || info.deleted) throw new BlobError(`blob ${ref.sha256} is not in ${this.bucket}`);
    const hash = createHash('sha256');
    const subject = `$O.${this.bucket}.C.${info.nuid}`;
    // The last piece is held back until it is known that all of them are right.
    let held: Uint8Array | undefined;
    let seq = 1;
    for (let left = info.chunks; left > 0; left -= 1) {
      const message = await manager.direct.getMessage(this.stream, { seq, next_by_subj: subject });
      if (message === null) throw new BlobError(`blob ${ref.sha256} is not whole`);
      seq = message.seq + 1;
      hash.update(message.data);
      if (held !== undefined) yield held;
      held = message.data;
    }
    if (hash.digest('hex') !== ref.sha256)
      throw new BlobError(`blob ${ref.sha256} does not hold what its name says`);
    if (held !== undefined) yield held;
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

  private async store(opened: Opened, ref: BlobRef, bytes: Uint8Array): Promise<void> {
    await this.makeRoom(opened, ref.bytes);
    await orFull(this.bucket, opened.store.putBlob({ name: ref.sha256 }, bytes));
  }

  /** Takes note of so many new bytes. Throws BlobError where they are above its share (B3). */
  private async makeRoom({ manager }: Opened, bytes: number): Promise<void> {
    const { share } = this;
    if (share === undefined) return;
    if (this.fill.untilMs <= performance.now()) {
      const { state, config } = await manager.streams.info(this.stream);
      const maxBytes = this.settings?.maxBytes ?? (config.max_bytes > 0 ? config.max_bytes : Infinity);
      this.fill = { bytes: state.bytes, maxBytes, untilMs: performance.now() + FILL_MS };
    }
    if (this.fill.bytes + bytes > share * this.fill.maxBytes)
      throw new BlobError(`${this.bucket} holds no more than ${this.fill.maxBytes} bytes`, 'blobs_full');
    this.fill.bytes += bytes;
  }

  /** Gives an old blob a new time; false when it is not the one that was found any more (B2). */
  private async refresh({ client }: Opened, known: ObjectInfo): Promise<boolean> {
    if (Date.now() - Date.parse(known.mtime) <= REFRESH_MS) return true;
    const { name, description, options, bucket, nuid, size, chunks, digest } = known;
    const mtime = new Date().toISOString();
    const meta = { name, description, options, bucket, nuid, size, chunks, digest, deleted: false, mtime };
    return publishFenced(client, this.bucket, meta, known.revision);
  }
}
