/**
 * Writing of blobs on JetStream: what all ways of it share, and blobs that come in pieces. Fences: blobs.ts, B2.
 *
 * P1  Chunks are stored one after the other, each once: one whose acknowledgement was lost is sent again under the same message
 *     id, which the stream knows.
 */
import { createHash, randomUUID, type Hash } from 'node:crypto';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { Base64UrlPaddedCodec, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import { headers } from 'nats';
import type { BlobRef } from '@zerofleet/model';
import { BlobError, BLOB_PIECE_BYTES_MAX, type BlobWriter } from './blob-ports.js';
import { pause, systemClock } from './clock.js';
import { isCode, isConflict } from './jetstream-errors.js';

/** Tries of a put that meets the removal of the same blob, at most. */
export const PUT_TRIES = 3;
/** Pause between two tries to store a chunk, in ms. */
const TRY_PAUSE_MS = 500;
/** JetStream's error code: the stream is full. */
const STREAM_FULL = 10_077;

/** A bucket, as it is reached. */
export interface Opened {
  readonly store: ObjectStore;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
}

/** Waits for a write; one that the full stream refused throws BlobError. */
export const orFull = async <T>(bucket: string, write: Promise<T>): Promise<T> => {
  try {
    return await write;
  } catch (error) {
    if (isCode(error, STREAM_FULL)) throw new BlobError(`${bucket} is full`, 'blobs_full');
    throw error;
  }
};

/** What a writer uses of its store. */
export interface PieceStore {
  open(): Promise<Opened>;
  makeRoom(opened: Opened, bytes: number): Promise<void>;
  refresh(opened: Opened, known: ObjectInfo): Promise<boolean>;
}

/** A blob under way: chunks of a name of its own, and at the end a meta message of the content's name, fenced (B2). */
export class PieceWriter implements BlobWriter {
  private readonly bucket: string;
  private readonly store: PieceStore;
  private readonly hash: Hash = createHash('sha256');
  private readonly nuid = randomUUID().replaceAll('-', '');
  private bytes = 0;
  private chunks = 0;
  /** Whether a meta message may have been stored that names the chunks: then they must stay. */
  private mayBeNamed = false;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(bucket: string, store: PieceStore) {
    this.bucket = bucket;
    this.store = store;
  }

  async append(piece: Uint8Array): Promise<void> {
    if (piece.byteLength > BLOB_PIECE_BYTES_MAX) throw new RangeError(`a piece of ${piece.byteLength} bytes`);
    if (piece.byteLength === 0) return;
    this.hash.update(piece);
    this.bytes += piece.byteLength;
    this.chunks += 1;
    const place = this.chunks;
    const turn = this.turn.then(() => this.publishChunk(piece, place));
    this.turn = turn;
    await turn;
  }

  async commit(): Promise<BlobRef> {
    const digest = this.hash.digest();
    const ref = { sha256: digest.toString('hex'), bytes: this.bytes };
    for (let left = PUT_TRIES; left > 0; left -= 1) {
      if (await this.again(left, () => this.publish(ref, digest))) return ref;
    }
    throw new BlobError(`blob ${ref.sha256} was changed while it was put`);
  }

  async abandon(): Promise<void> {
    if (!this.mayBeNamed) await this.purge();
  }

  private get chunkSubject(): string {
    return `$O.${this.bucket}.C.${this.nuid}`;
  }

  /** P1. */
  private async publishChunk(piece: Uint8Array, place: number): Promise<void> {
    const opened = await this.store.open();
    await this.store.makeRoom(opened, piece.byteLength);
    const msgID = `${this.nuid}-${place}`;
    for (let left = PUT_TRIES; ; left -= 1) {
      const publish = (): Promise<unknown> => opened.client.publish(this.chunkSubject, piece, { msgID });
      if ((await this.again(left, () => orFull(this.bucket, publish()))) !== undefined) return;
    }
  }

  /** What `act` gives; undefined after a failure that another try may mend, with a pause. Throws the last one. */
  private async again<T>(left: number, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (left <= 1 || error instanceof BlobError) throw error;
      await pause(systemClock, TRY_PAUSE_MS);
      return undefined;
    }
  }

  /** Gives the chunks their name; false when somebody else did something with that name meanwhile. */
  private async publish(ref: BlobRef, digest: Buffer): Promise<boolean> {
    const opened = await this.store.open();
    const known = await opened.store.info(ref.sha256);
    // Stored by an earlier try, whose answer was lost.
    if (known?.nuid === this.nuid) return true;
    const isThere = known !== null && !known.deleted && known.size === ref.bytes;
    if (!isThere) {
      this.mayBeNamed = true;
      return this.publishMeta(opened, ref, digest, known?.revision ?? 0);
    }
    if (!(await this.store.refresh(opened, known))) return false;
    await this.purge();
    return true;
  }

  /** What stays goes as an orphan. Never throws. */
  private async purge(): Promise<void> {
    if (this.chunks === 0) return;
    const purged = this.store
      .open()
      .then(({ manager }) => manager.streams.purge(`OBJ_${this.bucket}`, { filter: this.chunkSubject }));
    await purged.catch(() => undefined);
  }

  /** False when somebody else changed it since `revision`. */
  private async publishMeta(
    { client }: Opened,
    { sha256: name, bytes: size }: BlobRef,
    digest: Buffer,
    revision: number,
  ): Promise<boolean> {
    const { bucket, nuid, chunks } = this;
    const meta = {
      ...{ name, bucket, nuid, size, chunks, deleted: false },
      options: { max_chunk_size: BLOB_PIECE_BYTES_MAX },
      digest: `SHA-256=${padded(digest.toString('base64url'))}`,
      mtime: new Date().toISOString(),
    };
    return publishFenced(client, bucket, meta, revision);
  }
}

const padded = (base64: string): string => base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');

/** Stores a meta message in the place of the one at `revision`; false when that is not the newest any more (B2). */
export const publishFenced = async (
  client: JetStreamClient,
  bucket: string,
  meta: { readonly name: string },
  revision: number,
): Promise<boolean> => {
  const rollup = headers();
  rollup.set('Nats-Rollup', 'sub');
  const subject = `$O.${bucket}.M.${Base64UrlPaddedCodec.encode(meta.name)}`;
  try {
    const expect = { lastSubjectSequence: revision };
    await orFull(bucket, client.publish(subject, JSON.stringify(meta), { headers: rollup, expect }));
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
};
