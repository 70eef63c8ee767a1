/**
 * One life of a coordinator in a shard: it reads the ledger, follows it as a standby, stands for election when nobody leads,
 * and leads until another does.
 *
 * C1  The fold holds every message up to `lastSeq`, each once and in order. A gap means that the ledger was purged past this
 *     replica: its fold may hold jobs that ended meanwhile, so this life is over.
 * C2  Standbys apply committed messages only. A leader stages into the same fold, so a reign that ends ends the life with it.
 * C3  A life that is over acts no more; whoever runs it begins another.
 */
import type { JobId, TenantId } from '@zerofleet/model';
import {
  decodeCommit,
  decodePage,
  LEDGER_FORMAT,
  type LedgerFormat,
  type ParkedJob,
} from '@zerofleet/protocol';
import { stand } from './election.js';
import { Engine, type ReignOptions } from './engine.js';
import { Fold } from './fold.js';
import { FormatPolicy } from './format-policy.js';
import type { JobFeed } from './job-feed.js';
import { snapshotOf } from './job-record.js';
import { serveLeader } from './leader-desk.js';
import { LeaderWatch } from './leader-watch.js';
import { PayloadStore } from './payloads.js';
import type { JobSnapshot, LeaderPort } from './ports.js';
import { NO_PAGES, type Pages } from './shard-state.js';

export interface ReplicaOptions extends ReignOptions {
  readonly line: LeaderPort;
  /** Names this replica in `elected` and in message ids; unique to this life, without dots or spaces. */
  readonly name: string;
  /** Bytes of inline payloads in memory, at most. */
  readonly payloadBytesMax: number;
  /** How long outcomes are kept, in ms. */
  readonly keptMs: number;
  /** The newest ledger format that may be written. */
  readonly formatHold: LedgerFormat;
  readonly isConnected: () => boolean;
  /** What listeners hear; it outlives this life. */
  readonly feed: JobFeed;
  /** Somebody else was elected: what an earlier leader accepted is in the fold. */
  readonly onElected?: () => void;
  /** A reign of this replica began: as above. */
  readonly onLeading: (engine: Engine) => void;
  /** This life is over, for this reason; it is the last that is heard of it. */
  readonly onOver: (reason: string) => void;
}

/** Pause before a lost subscription to the ledger is made again, in ms. */
const FOLLOW_RETRY_MS = 250;

export class Replica {
  readonly fold: Fold;
  private readonly options: ReplicaOptions;
  private readonly watch: LeaderWatch;
  private lastSeq = 0;
  private format: LedgerFormat | undefined;
  private tries = 0;
  private phase: 'reading' | 'following' | 'leading' | 'over' = 'reading';
  private stopFollowing: () => void = () => undefined;
  private stopServing: () => void = () => undefined;
  private readonly stopControls: () => void;
  private engine: Engine | undefined;

  constructor(options: ReplicaOptions) {
    this.options = options;
    const { ledger, timers, payloadBytesMax: bytesMax, clock, random, line, name, isConnected } = options;
    const { tools, feed, controls, keptMs } = options;
    const payloads = new PayloadStore({ ledger, timers, bytesMax });
    this.fold = new Fold({ tools, payloads, feed, controls, keptMs });
    this.stopControls = controls.onChange((change) => this.fold.controlsChanged(change, clock.wallMs()));
    const isOld = (): boolean => this.fold.state.leaderFormat < LEDGER_FORMAT;
    this.watch = new LeaderWatch({ line, clock, random, replica: name, isConnected, isOld });
  }

  /** Whether this replica can answer: it leads, or follows a leader. */
  get standing(): 'reading' | 'following' | 'alone' | 'leading' | 'over' {
    return this.phase === 'following' && !this.watch.hasLeader ? 'alone' : this.phase;
  }

  /** The fold holds everything up to this sequence, as long as this replica does not lead. */
  get foldedTo(): number {
    return this.lastSeq;
  }

  /** The engine while this replica leads. */
  get leading(): Engine | undefined {
    return this.engine;
  }

  /** The job as committed and known here, of this tenant; a standby may not know the newest. */
  known(tenant: TenantId, id: JobId): JobSnapshot | undefined {
    const record = this.fold.state.jobs.get(id);
    const snapshot = record === undefined ? this.fold.feed.recent(id) : snapshotOf(record);
    return snapshot?.envelope.tenant === tenant ? snapshot : undefined;
  }

  /** Lives until it is over; what goes wrong is told to `onOver`. */
  async live(): Promise<void> {
    try {
      const { usage, clock } = this.options;
      this.fold.seed(await usage.load());
      await this.options.ledger.read(1, (seq, bytes) => this.take(seq, bytes, true));
      if (this.isOver()) return;
      this.fold.settleUsage(clock.wallMs());
      this.phase = 'following';
      await this.follow();
      while (!this.isOver()) {
        await this.watch.vacant();
        if (this.isOver() || (await this.stand())) return;
      }
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error));
    }
  }

  /** Ends this life; a leader first writes what it has staged. */
  async stop(graceMs: number): Promise<void> {
    this.watch.stop();
    this.stopServing();
    await this.engine?.stop(graceMs);
    this.close();
  }

  linkChanged(connected: boolean): void {
    this.engine?.linkChanged(connected);
  }

  private isOver(): boolean {
    return this.phase === 'over';
  }

  private end(reason: string): void {
    if (this.isOver()) return;
    this.close();
    this.options.onOver(reason);
  }

  private close(): void {
    this.phase = 'over';
    this.engine = undefined;
    this.watch.stop();
    this.stopServing();
    this.stopFollowing();
    this.stopControls();
  }

  // Standing by

  private async follow(): Promise<void> {
    const again = (reason: string): void => {
      this.options.log.warn({ reason }, 'ledger_follow_broken');
      this.options.clock.after(FOLLOW_RETRY_MS, () => void this.follow());
    };
    if (this.phase !== 'following') return;
    try {
      if (await this.isPurgedPast()) return this.end(`the ledger was purged past ${this.lastSeq + 1}`);
      const stop = await this.options.ledger.follow(
        this.lastSeq + 1,
        (seq, bytes) => this.take(seq, bytes, false),
        (reason) => again(reason),
      );
      if (this.phase === 'following') this.stopFollowing = stop;
      else stop();
    } catch (error) {
      again(error instanceof Error ? error.message : String(error));
    }
  }

  /** C1. A subscription that begins behind the purge would break for ever. */
  private async isPurgedPast(): Promise<boolean> {
    const { ledger } = this.options;
    const { lastSeq } = await ledger.usage();
    if (this.lastSeq === 0 || lastSeq <= this.lastSeq) return false;
    return (await ledger.get(this.lastSeq + 1)) === undefined;
  }

  /** C1. The first message of a ledger may have any sequence: what stood before was purged. */
  private take(seq: number, bytes: Uint8Array, reading: boolean): void | Promise<void> {
    if (seq <= this.lastSeq || this.phase === 'leading' || this.isOver()) return undefined;
    if (seq !== this.lastSeq + 1 && !(reading && this.lastSeq === 0))
      return this.end(`the ledger was purged past ${this.lastSeq + 1}`);
    const commit = decodeCommit(bytes);
    if (!commit.ok) return this.end(`ledger message ${seq} cannot be read by this release: ${commit.reason}`);
    const needed = this.fold.neededPages(commit.value);
    const apply = (pages: Pages): void => {
      this.fold.replay(commit.value, seq, pages);
      this.lastSeq = seq;
      this.format = commit.value.v;
      if (commit.value.events.some((event) => event.kind === 'elected'))
        this.onElected(reading, commit.value.atMs);
    };
    return needed.length === 0 ? apply(NO_PAGES) : this.readPages(needed).then(apply);
  }

  private onElected(reading: boolean, atMs: number): void {
    // One that is read from the past had its time to begin.
    this.watch.elected(reading ? Math.max(this.options.clock.wallMs() - atMs, 0) : 0);
    if (!reading) this.options.onElected?.();
  }

  private async readPages(pages: readonly number[]): Promise<Pages> {
    const found = new Map<number, readonly ParkedJob[]>();
    for (const page of pages) found.set(page, await this.readPage(page));
    return found;
  }

  private async readPage(page: number): Promise<readonly ParkedJob[]> {
    const bytes = await this.options.timers.get(page);
    // Gone: every job in it has ended, and its page was named before that was known.
    if (bytes === undefined) return [];
    const parsed = decodePage(bytes);
    if (!parsed.ok) throw new Error(`timer page ${page} cannot be read by this release: ${parsed.reason}`);
    return parsed.value;
  }

  // Leading

  /** Stands for election; true when this replica leads or its life is over. */
  private async stand(): Promise<boolean> {
    const { ledger, clock, name, formatHold } = this.options;
    this.tries += 1;
    const leader = `${name}-${this.tries}`;
    const tailSeq = this.lastSeq;
    const epoch = this.fold.state.epoch + 1;
    const format = this.format ?? formatHold;
    const { projected } = this.fold.state;
    const result = await stand(ledger, { epoch, leader, tailSeq, projected, format, atMs: clock.wallMs() });
    if (this.isOver()) return true;
    // Refused, or nobody knows: whatever stands there now comes by the subscription.
    if (result.kind !== 'stored' || result.seq !== tailSeq + 1) return false;
    this.phase = 'leading';
    this.stopFollowing();
    this.fold.state.epoch = epoch;
    this.fold.state.leaderFormat = LEDGER_FORMAT;
    this.lead(leader, result.seq);
    return true;
  }

  private lead(leader: string, tailSeq: number): void {
    const { options, fold } = this;
    const format = new FormatPolicy(this.format, options.formatHold, options.clock.nowMs());
    const engine = new Engine({
      ...options,
      ...{ fold, leader, tailSeq, format },
      onLost: (reason) => this.end(`leadership lost: ${reason}`),
    });
    this.engine = engine;
    this.stopServing = serveLeader(options.line, engine, { leader, format, clock: options.clock });
    options.onLeading(engine);
    engine.begin();
  }
}
