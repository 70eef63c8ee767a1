/** Publishes an attempt's output while it is written: at once when it was quiet, in batches when it floods. */
import type { OutputChunk } from '@zerofleet/model';
import type { Cancel, Clock } from '@zerofleet/runtime';
import { jsonBytesOf, type Spool } from './spool.js';

/** Under a flood a message goes out so often, in ms. */
const BATCH_MS = 5;
/** Chunks in one message, as JSON, at most. NATS refuses payloads above 1 MiB; one chunk is at most 192 KiB. */
const MESSAGE_BYTES_MAX = 256 * 1024;

export class LiveOutput {
  private readonly spool: Spool;
  private readonly clock: Clock;
  private readonly publish: (chunks: readonly OutputChunk[]) => void;
  private published = 0;
  private lastMs = -BATCH_MS;
  private cancel: Cancel | undefined;

  constructor(spool: Spool, clock: Clock, publish: (chunks: readonly OutputChunk[]) => void) {
    this.spool = spool;
    this.clock = clock;
    this.publish = publish;
  }

  /** Something was pushed to the spool. */
  stir(): void {
    if (this.cancel !== undefined) return;
    const waitMs = this.lastMs + BATCH_MS - this.clock.nowMs();
    if (waitMs <= 0) this.send();
    else this.cancel = this.clock.after(waitMs, () => this.send());
  }

  /** Publishes what is left. */
  end(): void {
    this.send();
  }

  private send(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.lastMs = this.clock.nowMs();
    const chunks = this.spool.flush(this.published);
    this.published = this.spool.count;
    for (const batch of batches(chunks)) this.publish(batch);
  }
}

const batches = (chunks: readonly OutputChunk[]): OutputChunk[][] => {
  const all: OutputChunk[][] = [];
  let batch: OutputChunk[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    const size = jsonBytesOf(chunk);
    if (batch.length > 0 && bytes + size > MESSAGE_BYTES_MAX) {
      all.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(chunk);
    bytes += size;
  }
  if (batch.length > 0) all.push(batch);
  return all;
};
