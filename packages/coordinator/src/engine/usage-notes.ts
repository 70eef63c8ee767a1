/**
 * Notes, while this replica leads, what tenants have used, so that it is known when the ledger that says so is purged
 * (UsageBook, G2 and G3).
 *
 * N1  A note holds exactly what commits up to its sequence say: the open commit is closed for it, and it is written once
 *     that one is stored. A reign that ends before writes nothing.
 * N2  The ledger is kept from the last notes on that were all written; at the start of a reign, whole, until its first ones
 *     were. A note of a reign that is over cannot take the place of a newer one: writes name the revision that they replace.
 */
import type { TenantId } from '@zerofleet/model';
import type { UsagePage } from '@zerofleet/protocol';
import type { Clock, Logger } from '@zerofleet/runtime';
import type { CommitPipeline } from './commit-pipeline.js';
import type { UsagePort } from './ports.js';
import type { UsageBook } from './usage-book.js';

/** Time between two notes, in ms. */
const EVERY_MS = 10_000;

export interface UsageNotesOptions {
  readonly port: UsagePort;
  readonly book: UsageBook;
  readonly pipeline: CommitPipeline;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether any tenant has a quota that notes are needed for. */
  readonly isNeeded: () => boolean;
  readonly isLimited: (tenant: TenantId) => boolean;
}

export class UsageNotes {
  private readonly options: UsageNotesOptions;
  private notedTo = 0;
  private needed: boolean;
  private taken: { readonly seq: number; readonly pages: readonly UsagePage[] } | undefined;
  private isFirst = true;
  private writing = false;
  private closed = false;
  private nextMs: number;

  constructor(options: UsageNotesOptions) {
    this.options = options;
    this.needed = options.isNeeded();
    this.nextMs = options.clock.nowMs();
  }

  /** The ledger is needed from this sequence on (N2). */
  get keepFrom(): number {
    return this.needed ? this.notedTo + 1 : Infinity;
  }

  close(): void {
    this.closed = true;
  }

  /** To be called now and then. Never throws. */
  tick(): void {
    const { clock, pipeline } = this.options;
    if (this.writing || this.closed) return;
    if (this.taken !== undefined) {
      if (pipeline.tailSeq >= this.taken.seq) void this.write();
    } else if (clock.nowMs() >= this.nextMs) this.take();
  }

  private take(): void {
    const { clock, pipeline, book, isNeeded, isLimited } = this.options;
    this.nextMs = clock.nowMs() + EVERY_MS;
    const needed = isNeeded();
    // Whoever just got a quota has used something before.
    if (needed && !this.needed) this.isFirst = true;
    this.needed = needed;
    if (!needed) return;
    const seq = pipeline.seal();
    this.taken = { seq, pages: book.takePages(seq, clock.wallMs(), this.isFirst, isLimited) };
  }

  private async write(): Promise<void> {
    const { port, book, log } = this.options;
    const { taken } = this;
    if (taken === undefined) return;
    this.writing = true;
    try {
      for (const page of taken.pages) {
        if (this.closed) return;
        await port.save(page);
      }
      this.notedTo = taken.seq;
      this.isFirst = false;
    } catch (error) {
      for (const { page } of taken.pages) book.untake(page);
      log.warn({ error: String(error) }, 'usage_not_noted');
    } finally {
      this.taken = undefined;
      this.writing = false;
    }
  }
}
