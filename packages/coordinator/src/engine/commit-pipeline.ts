/**
 * Group commit: turns staged events into fenced appends, several in flight, and runs their effects once stored.
 *
 * P1  Every append names the message that must stand before it, by sequence and by id, so the ledger has one writer and
 *     no holes (I2), however many appends are in flight and whichever of them is lost.
 * P2  Effects run in staging order, each after its batch was acknowledged, never before (I3).
 * P3  A batch's place (sequence, number, time) is fixed when it is opened; a resend is the same bytes at the same place.
 * P4  After any failed append: stop, let what is in flight settle, read on from the last acknowledged sequence. Only own
 *     batches there: go on. Anything else, or a ledger shorter than what was acknowledged: this reign is over.
 * P5  A batch goes out at once when fewer than `window` are in flight; batches grow only while others are in flight.
 */
import { COMMIT_BYTES_MAX, COMMIT_EVENTS_MAX, type Epoch } from '@zerofleet/model';
import {
  decodeCommit,
  encodeEvent,
  joinCommit,
  type EventText,
  type LedgerEvent,
  type LedgerFormat,
} from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { commitId } from './election.js';
import type { AppendResult, LedgerPort } from './ports.js';

/** Where and when staged events stand, known before they are stored. */
export interface Place {
  readonly seq: number;
  readonly atMs: number;
}

interface Batch {
  readonly no: number;
  readonly seq: number;
  readonly atMs: number;
  readonly format: LedgerFormat;
  readonly events: EventText[];
  readonly effects: (() => void)[];
  bytes: number;
  phase: 'open' | 'sealed' | 'sent' | 'stored';
  payload: Uint8Array | undefined;
}

export interface PipelineOptions {
  readonly ledger: LedgerPort;
  readonly clock: Clock;
  readonly epoch: Epoch;
  /** Unique to this life of this replica. */
  readonly leader: string;
  /** Last sequence of the ledger when the reign begins. */
  readonly tailSeq: number;
  /** Appends in flight, at most. */
  readonly window: number;
  /** Pause between two tries to read the ledger after a failure, in ms. */
  readonly recoverPauseMs: number;
  /** The format that a new batch is written in. */
  readonly format: () => LedgerFormat;
  /** How far outcomes are projected when a batch goes out. */
  readonly projected: () => number;
  /** A batch is stored and its effects have run. */
  readonly onStored: (seq: number) => void;
  /** The reign is over, for good. */
  readonly onLost: (reason: string) => void;
  /** An append failed and the ledger is being read; later, that it goes on. */
  readonly onTrouble: (reason: string | null) => void;
}

/** Bytes of a commit around its events, rounded up. */
const COMMIT_HEAD_BYTES = 128;

export class CommitPipeline {
  private readonly options: PipelineOptions;
  /** Unstored batches in order; those sent come first. */
  private batches: Batch[] = [];
  private nextSeq: number;
  private nextNo = 1;
  private storedSeq: number;
  private inFlight = 0;
  /** Connections lost so far: an answer of an earlier one comes too late. */
  private links = 0;
  private phase: 'running' | 'recovering' | 'closed' = 'running';
  private pumpScheduled = false;
  private idleWaiters: (() => void)[] = [];
  /** Bytes appended in this reign. */
  bytesStored = 0;
  /** Bytes of events staged in this reign. */
  bytesStaged = 0;

  constructor(options: PipelineOptions) {
    this.options = options;
    this.storedSeq = options.tailSeq;
    this.nextSeq = options.tailSeq + 1;
  }

  /** Whether appends go through just now. */
  get healthy(): boolean {
    return this.phase === 'running';
  }

  /** Last acknowledged sequence. */
  get tailSeq(): number {
    return this.storedSeq;
  }

  /** Last sequence that something was staged for. */
  get stagedSeq(): number {
    return this.nextSeq - 1;
  }

  /** Batches that are not stored yet. */
  get backlog(): number {
    return this.batches.length;
  }

  /** Stages `events` together in one batch; `effect` runs once they are stored. */
  stage(events: readonly LedgerEvent[], effect: () => void): Place {
    const format = this.options.format();
    const texts = events.map((event) => encodeEvent(event, format));
    const bytes = texts.reduce((sum, text) => sum + text.bytes + 1, 0);
    const batch = this.openBatch(events.length, bytes, format);
    batch.events.push(...texts);
    batch.effects.push(effect);
    batch.bytes += bytes;
    this.bytesStaged += bytes;
    this.schedulePump();
    return { seq: batch.seq, atMs: batch.atMs };
  }

  /** Lets nothing more into what is staged; gives the last sequence of that. */
  seal(): number {
    const last = this.batches.at(-1);
    if (last?.phase === 'open' && last.events.length > 0) last.phase = 'sealed';
    return this.stagedSeq;
  }

  /** Resolves once everything staged is stored, or the pipeline is closed. */
  async drained(): Promise<void> {
    if (this.batches.length === 0 || this.phase === 'closed') return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  /** Sends nothing more. What is in flight may still be stored; its effects never run. */
  close(): void {
    this.phase = 'closed';
    this.wakeIdle();
  }

  private openBatch(events: number, bytes: number, format: LedgerFormat): Batch {
    const last = this.batches.at(-1);
    if (last?.phase === 'open') {
      const full =
        last.events.length + events > COMMIT_EVENTS_MAX ||
        last.bytes + bytes > COMMIT_BYTES_MAX ||
        last.format !== format;
      if (!full || last.events.length === 0) return last;
      last.phase = 'sealed';
    }
    const batch: Batch = {
      no: this.nextNo,
      seq: this.nextSeq,
      atMs: this.options.clock.wallMs(),
      format,
      events: [],
      effects: [],
      bytes: COMMIT_HEAD_BYTES,
      phase: 'open',
      payload: undefined,
    };
    this.nextNo += 1;
    this.nextSeq += 1;
    this.batches.push(batch);
    return batch;
  }

  /** Sends in a microtask, so that what one turn stages goes out in one batch. */
  private schedulePump(): void {
    if (this.pumpScheduled) return;
    this.pumpScheduled = true;
    queueMicrotask(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    if (this.phase !== 'running') return;
    for (const batch of this.batches) {
      if (this.inFlight >= this.options.window) return;
      if (batch.phase === 'sent' || batch.phase === 'stored' || batch.events.length === 0) continue;
      this.send(batch);
    }
  }

  private send(batch: Batch): void {
    const { epoch, leader, ledger } = this.options;
    batch.phase = 'sent';
    const { no, atMs, format } = batch;
    batch.payload ??= joinCommit(
      { v: format, epoch, batch: no, atMs, projected: this.options.projected() },
      batch.events,
    );
    this.inFlight += 1;
    const fence = { lastSeq: batch.seq - 1, lastId: commitId(epoch, leader, batch.no - 1) };
    const link = this.links;
    void ledger.append(batch.payload, commitId(epoch, leader, batch.no), fence).then((result) => {
      if (link === this.links) this.settle(batch, result);
    });
  }

  /**
   * The connection is gone, and with it every answer that is under way: the ledger is read as soon as it can be. A message that
   * arrives late all the same is the one that would be sent again, at the place that is kept for it (P3).
   */
  linkLost(): void {
    if (this.phase === 'closed' || this.inFlight === 0) return;
    this.links += 1;
    this.inFlight = 0;
    if (this.phase === 'running') this.trouble({ kind: 'unknown', reason: 'the connection was lost' });
    void this.recover();
  }

  private settle(batch: Batch, result: AppendResult): void {
    this.inFlight -= 1;
    if (this.phase === 'closed') return;
    if (result.kind === 'stored' && result.seq === batch.seq) this.markStored(batch);
    else if (this.phase === 'running') this.trouble(result);
    if (this.phase === 'recovering') {
      if (this.inFlight === 0) void this.recover();
      return;
    }
    this.pump();
  }

  private trouble(result: AppendResult): void {
    this.phase = 'recovering';
    this.options.onTrouble(result.kind === 'unknown' ? result.reason : `append ${result.kind}`);
  }

  private markStored(batch: Batch): void {
    batch.phase = 'stored';
    for (let first = this.batches[0]; first?.phase === 'stored'; first = this.batches[0]) {
      this.batches.shift();
      this.storedSeq = first.seq;
      this.bytesStored += first.payload?.byteLength ?? 0;
      for (const effect of first.effects) effect();
      this.options.onStored(first.seq);
    }
    if (this.batches.length === 0) this.wakeIdle();
  }

  private wakeIdle(): void {
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const wake of waiters) wake();
  }

  /** P4, once nothing is in flight. */
  private async recover(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => this.options.clock.after(this.options.recoverPauseMs, resolve));
      if (this.phase === 'closed') return;
      const verdict = await this.readTail();
      if (this.isClosed()) return;
      if (verdict.kind === 'unreadable') continue;
      if (verdict.kind === 'lost') {
        this.close();
        this.options.onLost(verdict.reason);
        return;
      }
      for (const batch of this.batches) if (batch.phase === 'sent') batch.phase = 'sealed';
      this.phase = 'running';
      this.options.onTrouble(null);
      this.pump();
      return;
    }
  }

  /** Whether `close` was called meanwhile: the type checker cannot know that an await lets others run. */
  private isClosed(): boolean {
    return this.phase === 'closed';
  }

  private async readTail(): Promise<
    { kind: 'own' } | { kind: 'unreadable' } | { kind: 'lost'; reason: string }
  > {
    const from = this.storedSeq + 1;
    const found: { seq: number; bytes: Uint8Array }[] = [];
    let last: number;
    try {
      last = await this.options.ledger.read(from, (seq, bytes) => {
        found.push({ seq, bytes });
      });
    } catch {
      return { kind: 'unreadable' };
    }
    if (last < from - 1)
      return { kind: 'lost', reason: `the ledger ends at ${last}, ${from - 1} was acknowledged` };
    for (const { seq, bytes } of found) {
      // Acknowledged already: an answer that came for a later batch waited for this one's.
      if (seq <= this.storedSeq) continue;
      const commit = decodeCommit(bytes);
      const own = this.batches.find((batch) => batch.seq === seq);
      if (
        !commit.ok ||
        own === undefined ||
        commit.value.epoch !== this.options.epoch ||
        commit.value.batch !== own.no
      )
        return { kind: 'lost', reason: `sequence ${seq} was appended by another` };
      this.markStored(own);
    }
    return { kind: 'own' };
  }
}
