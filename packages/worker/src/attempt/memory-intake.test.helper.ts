/** Takes blobs in memory, as fast as a test says. */
import { createHash } from 'node:crypto';
import type { BlobRef } from '@zerofleet/model';
import { BlobError, type BlobIntake, type BlobWriter } from '@zerofleet/runtime';

export class MemoryIntake implements BlobIntake {
  readonly stored = new Map<string, Buffer>();
  /** Bytes that were handed in and wait for the gate. */
  waiting = 0;
  waitingMax = 0;
  begun = 0;
  abandoned = 0;
  /** What every write waits for. */
  gate: Promise<unknown> = Promise.resolve();
  /** Makes every write fail. */
  failure: Error | undefined;

  async put(bytes: Uint8Array): Promise<BlobRef> {
    await this.pass(bytes);
    return this.keep(Buffer.from(bytes));
  }

  begin(): BlobWriter {
    this.begun += 1;
    const pieces: Buffer[] = [];
    return {
      append: async (piece) => {
        await this.pass(piece);
        pieces.push(Buffer.from(piece));
      },
      commit: async () => {
        await this.pass(new Uint8Array());
        return this.keep(Buffer.concat(pieces));
      },
      abandon: () => {
        this.abandoned += 1;
        return Promise.resolve();
      },
    };
  }

  text({ sha256 }: BlobRef): string {
    return this.stored.get(sha256)?.toString('utf8') ?? 'nothing';
  }

  private async pass({ byteLength }: Uint8Array): Promise<void> {
    this.waiting += byteLength;
    this.waitingMax = Math.max(this.waitingMax, this.waiting);
    await this.gate;
    this.waiting -= byteLength;
    if (this.failure !== undefined) throw this.failure;
  }

  private keep(bytes: Buffer): BlobRef {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.stored.set(sha256, bytes);
    return { sha256, bytes: bytes.byteLength };
  }
}

export const FULL = new BlobError('no room', 'blobs_full');
