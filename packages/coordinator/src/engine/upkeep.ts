/**
 * Keeps the ledger short: purges what nobody needs, and moves live jobs away from its old end when they pin too much of it.
 *
 * M1  Purge law: fold(purged ledger) = fold(whole ledger). The ledger is purged only up to the first message that is still
 *     needed, and never past the last acknowledged one: it holds the epoch.
 * M2  A job is moved by a commit that holds it whole (`carried`), or, when it is due far ahead, into a page of the timer
 *     stream and a commit that says so (`parked`); its old place is needed until that commit is acknowledged. A page holds
 *     a job as it stood: once it changed, it is carried when its page is named again.
 * M3  Moving costs at most CARRY_SHARE of the bytes committed, and begins only when the ledger holds more than
 *     LOG_FACTOR × its live bytes + LOG_SLACK_BYTES. A ledger that is over FULL_SHARE of its limit is worth any cost that makes
 *     room: jobs due far ahead leave it, others are carried while more than a third of it is no longer needed.
 * M4  A page is dropped when no job in it is live by what is committed. Pages of which the fold knows nothing when a reign
 *     begins were never named by a commit, and go once a later commit of this reign is acknowledged: then nobody else led
 *     while they were listed.
 * M5  In the older format nothing is purged that is younger than `electionMs`: a replica of the release before reads
 *     on where it stopped while it stands for election, and would not see that what stood between was purged.
 */
import type { JobId, PayloadRef } from '@zerofleet/model';
import { decodeCommit, decodePage, encodePage, type ParkedJob } from '@zerofleet/protocol';
import type { Clock, Logger } from '@zerofleet/runtime';
import type { Commits } from './commits.js';
import type { Fold } from './fold.js';
import { storedOf, type JobRecord } from './job-record.js';
import type { LedgerPort, TimerPort } from './ports.js';

export interface UpkeepLimits {
  readonly logFactor: number;
  readonly logSlackBytes: number;
  readonly carryShare: number;
  readonly fullShare: number;
  /** A job due later than this is parked rather than carried, in ms. */
  readonly farMs: number;
  /** The ledger is purged once this many messages could go. */
  readonly purgeMessagesMin: number;
  /** M5: longer than a replica of the release before pauses between two tries to be elected, even where it is held up. */
  readonly electionMs: number;
}

export const UPKEEP_LIMITS: UpkeepLimits = {
  logFactor: 4,
  logSlackBytes: 64 * 1024 ** 2,
  carryShare: 0.05,
  fullShare: 0.6,
  farMs: 10 * 60_000,
  purgeMessagesMin: 512,
  electionMs: 10_000,
};

/** Messages of the ledger whose jobs are moved in one turn. */
const MESSAGES_A_TURN = 16;
/** A full ledger is worth carrying when it holds so many times its live bytes. */
const WORTH_FACTOR = 1.5;
/** How long a turn waits for its moves to be stored, in ms. */
const MOVE_WAIT_MS = 1_000;
/** Bytes of a job's id in a commit. */
const ID_BYTES = 40;

export interface UpkeepOptions {
  readonly ledger: LedgerPort;
  readonly timers: TimerPort;
  readonly fold: Fold;
  readonly commits: Commits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: UpkeepLimits;
  readonly usage: () => { readonly bytes: number; readonly maxBytes: number };
  /** The ledger is needed from this sequence on for other things than jobs. */
  readonly keepFrom: () => number;
  /** The older ledger format knows neither `carried` nor `parked`. */
  readonly canMove: () => boolean;
}

export class Upkeep {
  private readonly options: UpkeepOptions;
  private purgedTo = 0;
  /** Where the ledger ended when M5 was looked at last, and the time before that. */
  private aged = { atMs: -Infinity, tailSeq: 0, before: 0 };
  private bytesMoved = 0;
  /** Moves that are staged and not stored. */
  private moving = 0;
  private wake: () => void = () => undefined;
  private busy = false;
  private closed = false;
  private readonly listing: Promise<void>;
  private orphans: { readonly pages: readonly number[]; readonly listedAt: number } | undefined;

  constructor(options: UpkeepOptions) {
    this.options = options;
    this.listing = this.listOrphans();
  }

  /** To be called now and then. Never throws, and leaves alone what it is at already. */
  tick(): void {
    if (this.busy || this.closed) return;
    this.busy = true;
    void this.turn()
      .catch((error: unknown) => this.options.log.debug({ error: String(error) }, 'upkeep_failed'))
      .finally(() => {
        this.busy = false;
      });
  }

  close(): void {
    this.closed = true;
  }

  private async turn(): Promise<void> {
    // A page of this reign must not be taken for one that nobody named.
    await this.listing;
    await this.purge();
    for (let n = 0; n < MESSAGES_A_TURN; n += 1) {
      const which = this.mayMove();
      if (which === 'none' || !(await this.moveOldest(which))) break;
    }
    await this.dropPages();
  }

  private async purge(): Promise<void> {
    const { fold, commits, ledger, limits } = this.options;
    const { tailSeq } = commits.pipeline;
    const needed = Math.min(fold.state.oldestNeeded(tailSeq), this.options.keepFrom());
    const before = Math.min(needed, tailSeq, this.oldEnough(tailSeq));
    const messages = before - this.purgedTo;
    if (messages < (this.isPressed() ? 1 : limits.purgeMessagesMin)) return;
    await ledger.purge(before);
    this.purgedTo = before;
  }

  /** Everything before this sequence is old enough to be purged (M5). */
  private oldEnough(tailSeq: number): number {
    const { canMove, clock, limits } = this.options;
    if (canMove()) return Infinity;
    const nowMs = clock.nowMs();
    if (nowMs - this.aged.atMs >= limits.electionMs)
      this.aged = { atMs: nowMs, tailSeq, before: this.aged.tailSeq };
    return this.aged.before;
  }

  private isPressed(): boolean {
    const { bytes, maxBytes } = this.options.usage();
    return bytes > maxBytes * this.options.limits.fullShare;
  }

  /** Which jobs may be moved now (M3). */
  private mayMove(): 'all' | 'far' | 'none' {
    const { fold, commits, limits, usage, canMove } = this.options;
    const { bytes } = usage();
    const { liveBytes } = fold.state;
    if (this.closed || this.moving > 0 || !commits.pipeline.healthy || !canMove()) return 'none';
    if (this.isPressed()) return bytes > WORTH_FACTOR * liveBytes ? 'all' : 'far';
    if (bytes <= limits.logFactor * liveBytes + limits.logSlackBytes) return 'none';
    return this.bytesMoved <= limits.carryShare * commits.pipeline.bytesStored ? 'all' : 'none';
  }

  /** Moves the live jobs of the oldest needed message; false when there is nothing to move. */
  private async moveOldest(which: 'all' | 'far'): Promise<boolean> {
    const { fold, commits, ledger } = this.options;
    const { tailSeq } = commits.pipeline;
    const seq = fold.state.oldestNeeded(tailSeq);
    // What was just appended is not worth moving: nothing much stands before it.
    if (seq > tailSeq - (this.isPressed() ? 1 : this.options.limits.purgeMessagesMin)) return false;
    const bytes = await ledger.get(seq);
    const commit = bytes === undefined ? undefined : decodeCommit(bytes);
    if (commit?.ok !== true) return false;
    const far: ParkedJob[] = [];
    let moved = 0;
    for (const event of commit.value.events) {
      if (event.kind === 'parked') moved += await this.parkAgain(event.page, seq);
      if (event.kind !== 'accepted' && event.kind !== 'carried') continue;
      const record = fold.state.jobs.get(event.job.id);
      if (record?.home !== seq || record.shown === null || record.state.kind === 'finished') continue;
      const { payload } = event.job;
      if (this.isFar(record) && record.state.kind === 'queued')
        far.push({ job: storedOf(record, payload), state: record.state });
      else if (which === 'all') {
        this.carry(record, payload);
        moved += 1;
      }
    }
    if (far.length > 0) await this.park(far);
    return moved + far.length > 0 && this.isMoved();
  }

  private relocate(event: Parameters<Commits['relocate']>[0]): void {
    this.moving += 1;
    this.options.commits.relocate(event, () => {
      this.moving -= 1;
      if (this.moving === 0) this.wake();
    });
  }

  /** Whether what is under way was stored within MOVE_WAIT_MS: a ledger in trouble must not keep the purge waiting. */
  private isMoved(): Promise<boolean> {
    if (this.moving === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const stopWaiting = this.options.clock.after(MOVE_WAIT_MS, () => resolve(false));
      this.wake = () => {
        stopWaiting();
        resolve(true);
      };
    });
  }

  private isFar({ state }: JobRecord): boolean {
    const { clock, limits } = this.options;
    return state.kind === 'queued' && state.dueAtMs !== null && state.dueAtMs > clock.wallMs() + limits.farMs;
  }

  /** Stores a page and commits it for the jobs that did not change meanwhile. */
  private async park(jobs: readonly ParkedJob[]): Promise<void> {
    const { timers, fold } = this.options;
    const bytes = encodePage(jobs);
    const page = await timers.store(bytes, Math.min(...jobs.map(({ state }) => state.dueAtMs ?? 0)));
    if (this.closed) return;
    const ids = jobs
      .filter(({ job, state }) => fold.state.jobs.get(job.id)?.state === state)
      .map(({ job }) => job.id);
    if (ids.length === 0) {
      await timers.drop(page);
      return;
    }
    this.relocate({ kind: 'parked', page, ids });
    this.bytesMoved += bytes.byteLength;
  }

  /** Names a page again, nearer to the ledger's end, for its jobs that stand as they did when they were parked. */
  private async parkAgain(page: number, seq: number): Promise<number> {
    const { fold, timers } = this.options;
    const { pages, jobs } = fold.state;
    if (pages.get(page)?.seq !== seq) return 0;
    const bytes = await timers.get(page);
    const content = bytes === undefined ? undefined : decodePage(bytes);
    if (this.closed || content?.ok !== true || pages.get(page)?.seq !== seq) return 0;
    const inPage = content.value.flatMap(({ job, state }) => {
      const record = jobs.get(job.id);
      return record?.home === -page ? [{ job, state, record }] : [];
    });
    // The end of a job that is not projected yet is needed where it stands.
    if (inPage.some(({ record }) => record.state.kind === 'finished')) return 0;
    const ids: JobId[] = [];
    for (const { job, state, record } of inPage) {
      const now = record.state;
      if (now.kind === 'queued' && now.attemptsStarted === state.attemptsStarted) ids.push(job.id);
      else this.carry(record, job.payload);
    }
    if (ids.length > 0) this.relocate({ kind: 'parked', page, ids });
    this.bytesMoved += ids.length * ID_BYTES;
    return 1;
  }

  private carry(record: JobRecord, payload: PayloadRef): void {
    this.relocate({ kind: 'carried', job: storedOf(record, payload), state: record.state });
    this.bytesMoved += record.storedBytes;
  }

  /** M4. */
  private async dropPages(): Promise<void> {
    const { fold, timers, commits } = this.options;
    const { orphans } = this;
    if (orphans !== undefined && commits.pipeline.tailSeq > orphans.listedAt) {
      this.orphans = undefined;
      fold.state.emptied.push(...orphans.pages);
    }
    for (let page = fold.state.emptied[0]; page !== undefined && !this.closed; page = fold.state.emptied[0]) {
      await timers.drop(page);
      fold.state.emptied.shift();
    }
  }

  private async listOrphans(): Promise<void> {
    const { timers, fold, commits, log } = this.options;
    try {
      const pages = await timers.list();
      const unknown = pages.filter((page) => !fold.state.pages.has(page));
      this.orphans = { pages: unknown, listedAt: commits.pipeline.stagedSeq };
    } catch (error) {
      log.debug({ error: String(error) }, 'timer_pages_unlisted');
    }
  }
}
