/** What a blob store does for whom: those who keep bytes, those who stream them, those who sweep. */
import type { BlobRef } from '@zerofleet/model';

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

/** Takes blobs of which the whole need not fit into memory. */
export interface BlobIntake extends Pick<BlobStore, 'put'> {
  /** A new blob, piece by piece. */
  begin(): BlobWriter;
}

/** One blob under way (B4). */
export interface BlobWriter {
  /**
   * Adds a piece of BLOB_PIECE_BYTES_MAX at most; resolves once it is acknowledged. The next may be added before that. Throws
   * BlobError, and then for all that follow.
   */
  append(piece: Uint8Array): Promise<void>;
  /** Makes a blob of the pieces, all of which are acknowledged. Throws BlobError. */
  commit(): Promise<BlobRef>;
  /** Takes back what came. Never throws. */
  abandon(): Promise<void>;
}

export interface BlobReader {
  /** The bytes of `ref` in pieces. Throws BlobError: when they are not those that the name says, before the last piece. */
  read(ref: BlobRef): AsyncIterable<Uint8Array>;
}

/** A piece of a blob, in bytes, at most. */
export const BLOB_PIECE_BYTES_MAX = 256 * 1024;

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
