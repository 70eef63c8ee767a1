/**
 * The blob store in memory.
 *
 * Places of faults: `blobs.put`, `blobs.get`.
 */
import { createHash } from 'node:crypto';
import type { BlobRef } from '@zerofleet/model';
import { BlobError, type BlobStore } from '@zerofleet/runtime';
import type { Faults } from './faults.js';
import type { ProcessClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

const TIMEOUT_MS = 1_000;

/** The blobs as one process reaches them. `shelf` is the server's side, by name. */
export class MemoryBlobs implements BlobStore {
  private readonly shelf: Map<string, Uint8Array>;
  private readonly process: ProcessClock;
  private readonly wire: Wire;
  private readonly faults: Faults;

  constructor(shelf: Map<string, Uint8Array>, process: ProcessClock, wire: Wire, faults: Faults) {
    this.shelf = shelf;
    this.process = process;
    this.wire = wire;
    this.faults = faults;
  }

  put(bytes: Uint8Array): Promise<BlobRef> {
    return this.wire.ask('blobs.put', this.process, TIMEOUT_MS, () => {
      if (this.faults.strikes('blobs.put', 'full')) throw new BlobError('no room', 'blobs_full');
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      this.shelf.set(sha256, bytes);
      return { sha256, bytes: bytes.byteLength };
    });
  }

  get({ sha256 }: BlobRef): Promise<Uint8Array> {
    return this.wire.ask('blobs.get', this.process, TIMEOUT_MS, () => {
      const bytes = this.shelf.get(sha256);
      if (bytes === undefined) throw new BlobError(`${sha256} is not there`);
      return bytes;
    });
  }
}
