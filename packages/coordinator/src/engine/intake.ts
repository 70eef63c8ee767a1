/**
 * The door of the engine: which submissions it takes just now, and how long a submitter waits for its commit.
 *
 * N1  A refusal before staging means that nothing was accepted: the submitter may simply try again.
 * N2  Once staged, a job cannot be taken back; a submitter that waited ACCEPT_WAIT_MS hears `unknown`, with the job's id.
 * N3  Acceptance stops at 80 % of the ledger's bytes: the rest is room to finish what was accepted.
 * N4  The number of jobs is bounded: a coordinator that cannot hold its queue could never read it back either.
 */
import type { JobId, ProblemCode } from '@zerofleet/model';
import type { SubmitReply } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { CommitPipeline } from './commit-pipeline.js';
import type { JobSnapshot, LedgerPort } from './ports.js';

export type IntakeRefusal = Extract<
  ProblemCode,
  'no_leader' | 'queue_full' | 'ledger_full' | 'ledger_unavailable'
>;

/** A submitter waits this long for its commit, in ms. */
export const ACCEPT_WAIT_MS = 10_000;
/** Batches that may wait for the ledger before new jobs are refused. */
const BACKLOG_BATCHES_MAX = 64;
/** Share of the ledger's bytes that accepted jobs may fill. */
const FILL_MAX = 0.8;

interface Waiter {
  readonly id: JobId;
  readonly untilMs: number;
  readonly settle: (reply: SubmitReply) => void;
}

export class Intake {
  private readonly clock: Clock;
  private readonly ledger: LedgerPort;
  private readonly queuedMax: number;
  private open = true;
  private stagedAtUsage = 0;
  private lastUsage = { bytes: 0, maxBytes: Infinity };
  private asking = false;
  /** In the order in which they came, which is that in which they give up. */
  private readonly waiting = new Set<Waiter>();
  private watching = false;

  constructor(options: { readonly clock: Clock; readonly ledger: LedgerPort; readonly queuedMax: number }) {
    this.clock = options.clock;
    this.ledger = options.ledger;
    this.queuedMax = options.queuedMax;
  }

  /** Why a job is not taken now (N1); undefined when it is. */
  check(pipeline: CommitPipeline, queued: number): IntakeRefusal | undefined {
    if (!this.open) return 'no_leader';
    if (!pipeline.healthy || pipeline.backlog > BACKLOG_BATCHES_MAX) return 'ledger_unavailable';
    const bytes = this.lastUsage.bytes + pipeline.bytesStaged - this.stagedAtUsage;
    if (bytes > this.lastUsage.maxBytes * FILL_MAX) return 'ledger_full';
    return queued >= this.queuedMax ? 'queue_full' : undefined;
  }

  /** Bytes of the ledger and what it may hold, as last heard. */
  get usage(): { readonly bytes: number; readonly maxBytes: number } {
    return this.lastUsage;
  }

  /** Calls `stage` and waits for it to say that the job is stored; `settle` hears once how that went (N2). */
  wait(
    id: JobId,
    settle: (reply: SubmitReply) => void,
    stage: (stored: (job: JobSnapshot) => void) => void,
  ): void {
    const waiter: Waiter = { id, untilMs: this.clock.nowMs() + ACCEPT_WAIT_MS, settle };
    this.waiting.add(waiter);
    stage((job) => {
      if (this.waiting.delete(waiter)) settle({ kind: 'accepted', job });
    });
    this.watch();
  }

  /** One timer for all: they give up in the order in which they came. */
  private watch(): void {
    if (this.watching) return;
    const [first] = this.waiting;
    if (first === undefined) return;
    this.watching = true;
    this.clock.after(Math.max(first.untilMs - this.clock.nowMs(), 1), () => {
      this.watching = false;
      this.giveUp();
      this.watch();
    });
  }

  private giveUp(): void {
    const nowMs = this.clock.nowMs();
    for (const waiter of this.waiting) {
      if (waiter.untilMs > nowMs) return;
      this.waiting.delete(waiter);
      waiter.settle({ kind: 'unknown', id: waiter.id });
    }
  }

  /**
   * Asks how full the ledger is (N3); what was staged since the question counts on top of the answer. An answer that does not
   * come leaves the last one standing.
   */
  refreshUsage(pipeline: CommitPipeline): void {
    if (this.asking) return;
    this.asking = true;
    const { bytesStaged } = pipeline;
    void this.ledger
      .usage()
      .then(
        ({ bytes, maxBytes }) => {
          this.lastUsage = { bytes, maxBytes };
          this.stagedAtUsage = bytesStaged;
        },
        () => undefined,
      )
      .finally(() => {
        this.asking = false;
      });
  }

  close(): void {
    this.open = false;
  }
}
