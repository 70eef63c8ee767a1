/**
 * Whether this leader may say what is not there. Only a leader knows that a job was never accepted, and it may have lost its
 * reign while it slept or was cut off: then it must first see that nobody else appended.
 */
import type { Clock } from '@zerofleet/runtime';
import type { CommitPipeline } from './commit-pipeline.js';
import type { LedgerPort } from './ports.js';

/** A leader that did not look around for longer may be over without knowing it, in ms: below the silence that elects another. */
const UNSURE_AFTER_MS = 1_000;

export class Certainty {
  private readonly clock: Clock;
  private readonly ledger: LedgerPort;
  private readonly pipeline: CommitPipeline;
  private lastLookMs: number;
  /** What was staged by the last disturbance proves nothing; -1 for never disturbed. */
  private unsureThrough = -1;
  private disturbances = 0;
  private asking = false;
  private ended = false;

  constructor(clock: Clock, ledger: LedgerPort, pipeline: CommitPipeline) {
    this.clock = clock;
    this.ledger = ledger;
    this.pipeline = pipeline;
    this.lastLookMs = clock.nowMs();
  }

  get isSure(): boolean {
    const awake = this.clock.nowMs() - this.lastLookMs < UNSURE_AFTER_MS;
    return awake && !this.ended && this.pipeline.healthy && this.pipeline.tailSeq > this.unsureThrough;
  }

  /**
   * The same while a replica of the release before may be there: that one asks nobody before it leads, so only the ledger can
   * say, now, that nobody else appended.
   */
  async confirm(): Promise<boolean> {
    try {
      const { lastSeq } = await this.ledger.usage();
      return this.isSure && lastSeq <= this.pipeline.tailSeq;
    } catch {
      return false;
    }
  }

  /** This leader goes, and listens no more: from now on another may be elected at any time. */
  end(): void {
    this.ended = true;
  }

  /** Something happened during which another may have been elected. */
  disturbed(): void {
    this.disturbances += 1;
    this.unsureThrough = this.pipeline.stagedSeq;
  }

  /** To be called several times a second: a late call is a disturbance, and doubt is cleared by a look at the ledger. */
  look(): void {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.lastLookMs >= UNSURE_AFTER_MS) this.disturbed();
    this.lastLookMs = nowMs;
    if (this.pipeline.tailSeq <= this.unsureThrough && !this.asking) void this.ask();
  }

  private async ask(): Promise<void> {
    this.asking = true;
    const asked = this.disturbances;
    try {
      const { lastSeq } = await this.ledger.usage();
      const undisturbed = asked === this.disturbances && this.pipeline.backlog === 0;
      if (undisturbed && lastSeq === this.pipeline.tailSeq) this.unsureThrough = -1;
    } catch {
      // Asked again at the next look.
    } finally {
      this.asking = false;
    }
  }
}
