/**
 * Removes blobs that nothing can name any more.
 *
 * W1  A blob goes when it was put longer ago than anything that names it is kept, and no live job names it: outcomes and
 *     dead letters are kept for the retention, and `keepMs` is that and a margin of a day. Live jobs may be older: the
 *     engine is asked about each blob, right before it is removed.
 * W2  A gateway that puts the same content meanwhile loses nothing. Either it found the blob younger than an hour, which
 *     the margin is much longer than; or it stores the blob's meta message again, and the removal, which is of the
 *     message that was listed, fails; or the removal was first, and the gateway stores the bytes anew.
 * W3  At most REMOVED_MAX removals a run, and a minute between two runs at least: the rest waits for the next.
 */
import {
  pause,
  type BlobShelf,
  type Clock,
  type Logger,
  type Service,
  type StoredBlob,
} from '@zerofleet/runtime';

/** Removals of a run, at most. */
const REMOVED_MAX = 1_000;
/** Between two runs, at least: as long as a run may take of the server, and as long as nothing is left to do, in ms. */
const BUSY_PAUSE_MS = 60_000;
const IDLE_PAUSE_MS = 600_000;

export interface SweepRule {
  readonly nowMs: number;
  /** Age below which a blob stays whatever happens. */
  readonly keepMs: number;
  /** Whether a live job names the blob. */
  readonly isNeeded: (sha256: string) => boolean;
}

/** Whether `blob` may go (W1). */
export const mayGo = (blob: StoredBlob, { nowMs, keepMs, isNeeded }: SweepRule): boolean =>
  nowMs - blob.putAtMs > keepMs && !isNeeded(blob.sha256);

export interface BlobSweeperOptions {
  readonly blobs: BlobShelf;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keepMs: number;
  readonly isNeeded: (sha256: string) => boolean;
}

/** The leader's replica runs one; two do no harm. */
export class BlobSweeper implements Service {
  private readonly options: BlobSweeperOptions;
  private stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(options: BlobSweeperOptions) {
    this.options = options;
  }

  start(): Promise<void> {
    this.stopping = new AbortController();
    this.running = this.run(this.stopping.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** One run; resolves to the number of removals. Throws on broken IO. */
  async sweep(signal: AbortSignal = new AbortController().signal): Promise<number> {
    const { blobs, clock, keepMs, isNeeded } = this.options;
    let removed = 0;
    for (const blob of await this.old(signal)) {
      if (signal.aborted) break;
      if (!mayGo(blob, { nowMs: clock.wallMs(), keepMs, isNeeded })) continue;
      if (await blobs.remove(blob)) removed += 1;
    }
    return removed + (await blobs.removeOrphans(REMOVED_MAX - removed));
  }

  /** The first blobs that may go: taken note of before any is removed, so that the list is not read while it changes. */
  private async old(signal: AbortSignal): Promise<readonly StoredBlob[]> {
    const { blobs, clock, keepMs, isNeeded } = this.options;
    const rule = { nowMs: clock.wallMs(), keepMs, isNeeded };
    const found: StoredBlob[] = [];
    for await (const blob of blobs.list()) {
      if (signal.aborted || found.length === REMOVED_MAX) break;
      if (mayGo(blob, rule)) found.push(blob);
    }
    return found;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.options;
    while (!signal.aborted) {
      let removed = 0;
      try {
        removed = await this.sweep(signal);
        if (removed > 0) log.info({ removed }, 'blobs_swept');
      } catch (error) {
        log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'blob_sweep_failed');
      }
      await pause(clock, removed === REMOVED_MAX ? BUSY_PAUSE_MS : IDLE_PAUSE_MS, signal);
    }
  }
}
