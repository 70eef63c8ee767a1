/**
 * Blobs in the JetStream object store, named by content: the same bytes are stored once, and a name never changes
 * its meaning. A plain `put` would overwrite an existing name silently; equal names here have equal bytes.
 */
import { createHash } from 'node:crypto';
import { Objm, type ObjectStore } from '@nats-io/obj';
import type { BlobRef } from '@zerofleet/model';
import type { NatsConnection } from './nats.js';

/** The blob is not there, or its bytes are not those its name says. */
export class BlobError extends Error {
  readonly code = 'blob_unavailable';
}

export interface BlobStore {
  /** Stores `bytes`; resolves once they are acknowledged. */
  put(bytes: Uint8Array): Promise<BlobRef>;
  /** The bytes of `ref`. Throws BlobError. */
  get(ref: BlobRef): Promise<Uint8Array>;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The blob store in `bucket`, which is made where it is missing. Opened at first use, since NATS may be away at start. */
export const natsBlobStore = (connection: NatsConnection, bucket: string): BlobStore => {
  let opening: Promise<ObjectStore> | undefined;
  const open = async (): Promise<ObjectStore> => {
    opening ??= new Objm(connection).create(bucket, { description: 'content-named blobs' });
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return {
    async put(bytes) {
      const store = await open();
      const ref = { sha256: sha256(bytes), bytes: bytes.byteLength };
      const known = await store.info(ref.sha256);
      if (known === null || known.deleted || known.size !== ref.bytes)
        await store.putBlob({ name: ref.sha256 }, bytes);
      return ref;
    },
    async get(ref) {
      const store = await open();
      const bytes = await store.getBlob(ref.sha256);
      if (bytes === null) throw new BlobError(`blob ${ref.sha256} is not in ${bucket}`);
      if (sha256(bytes) !== ref.sha256)
        throw new BlobError(`blob ${ref.sha256} does not hold what its name says`);
      return bytes;
    },
  };
};
