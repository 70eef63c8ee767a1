/**
 * Sessions at this worker: who has a session's container, and its files on their way from one container to the next.
 *
 * S1  A call runs in a container that the session's record names as its own: the record is read before each call, and changed
 *     by its revision before another container is taken. So a container that the session has left is never used again.
 * S2  Files are in the store before the record says so, and the record says so before the container ends.
 * S3  What cannot be had any more is said (`files-restored`, `fresh`), never waited for without end.
 */
import type { BootId, SessionState, TenantId, WorkerId } from '@zerofleet/model';
import {
  decodeSaved,
  encodeSaved,
  isAt,
  SESSIONS_VERSION,
  type SavedFiles,
  type SessionCall,
  type SessionRecord,
  type SessionReply,
} from '@zerofleet/protocol';
import { BlobError, pause, type Clock, type Logger, type OwnedBlobs } from '@zerofleet/runtime';
import type { ClaimHow, Slot } from '../pool/claim.js';
import type { PoolDriver } from '../pool/pool-driver.js';
import type { HeldRecord, SessionStore } from './session-store.js';

/** How often a record that others change meanwhile is read again, at most. */
const ENTER_TRIES = 20;
/** Pause between two questions to a worker that still runs a call of the session, in ms, and how many of them. */
const BUSY_PAUSE_MS = 500;
const BUSY_TRIES = 10;
/** A worker saves the files it is asked for within this, in ms. */
const HAND_OVER_MS = 25_000;
/** A record's time of use is this exact, in ms. */
const USED_EXACT_MS = 60_000;

export interface SessionDeskOptions {
  readonly store: SessionStore;
  readonly files: OwnedBlobs;
  readonly pool: Pick<PoolDriver, 'endSession' | 'evictSession'>;
  readonly worker: WorkerId;
  readonly boot: BootId;
  readonly clock: Clock;
  readonly log: Logger;
  /** Files of one session, at most, as a tar. */
  readonly bytesMax: number;
  readonly newIncarnation: () => string;
}

/** The session of a call. */
export interface SessionOf {
  readonly tenant: TenantId;
  readonly session: string;
}

/** A session's time at this worker: from the call that took it to when its container ends or is taken from it. */
export interface Visit {
  readonly incarnation: string;
}

export class SessionDesk {
  private readonly options: SessionDeskOptions;
  /** The visits whose containers are here. */
  private readonly here = new Map<string, Visit>();
  /** Closed while a call ran: their containers are not kept. */
  private readonly closing = new Set<string>();

  constructor(options: SessionDeskOptions) {
    this.options = options;
  }

  /**
   * Makes the record name this worker, before a container is claimed. Undefined when `signal` aborted it. Throws on broken IO,
   * and when others change the record on and on.
   */
  async enter(of: SessionOf, signal: AbortSignal): Promise<Visit | undefined> {
    this.closing.delete(keyOf(of));
    let asked = 0;
    for (let tries = 0; tries < ENTER_TRIES && !signal.aborted; tries += 1) {
      const there = await this.options.store.get(of.tenant, of.session);
      if (there !== undefined && this.isHere(there.record)) {
        if (this.here.get(keyOf(of))?.incarnation !== there.record.incarnation) this.forget(of);
        if (await this.touch(there)) return this.adopt(of, there.record);
        continue;
      }
      const live = there?.record.live ?? null;
      if (live !== null && asked < BUSY_TRIES) {
        asked += 1;
        if ((await this.handOver(of, live.worker)) === 'done') asked = BUSY_TRIES;
        else await pause(this.options.clock, BUSY_PAUSE_MS, signal);
        continue;
      }
      // Whatever container it has here is of an earlier time (S1).
      this.forget(of);
      const record = this.taken(of, there?.record);
      if ((await this.options.store.put(record, there)) !== undefined) return this.adopt(of, record);
    }
    if (signal.aborted) return undefined;
    throw new Error(`the record of session ${of.session} is changed on and on`);
  }

  /** What the call finds in the container that was claimed; files that were saved are put into it first. */
  async settle(of: SessionOf, slot: Slot, how: ClaimHow): Promise<SessionState> {
    if (how === 'session') return 'live';
    const { store } = this.options;
    for (let tries = 0; tries < ENTER_TRIES; tries += 1) {
      const there = await store.get(of.tenant, of.session);
      if (there === undefined) return 'fresh';
      // The container of another kind that it had here was saved meanwhile.
      if (there.record.live === null) {
        if ((await store.put(this.taken(of, there.record), there)) === undefined) continue;
      }
      const { saved, incarnation } = there.record;
      this.adopt(of, there.record);
      if (saved === null || !slot.link.has('session')) return 'fresh';
      const tar = await this.load(of, saved, incarnation);
      return tar === undefined ? 'fresh' : await this.restore(of, slot, tar);
    }
    return 'fresh';
  }

  /** Whether the container of `visit` may be kept: the session was neither closed nor taken elsewhere while its call ran. */
  mayKeep(of: SessionOf, visit: Visit): boolean {
    return this.here.get(keyOf(of)) === visit && !this.closing.has(keyOf(of));
  }

  /** Saves the files of a container that is about to end, and notes it in the record (S2). Throws on broken IO. */
  async save(of: SessionOf, slot: Slot): Promise<void> {
    const { store, files, clock, log } = this.options;
    const there = await store.get(of.tenant, of.session);
    const incarnation = this.here.get(keyOf(of))?.incarnation;
    this.here.delete(keyOf(of));
    if (there === undefined || there.record.incarnation !== incarnation) return;
    if (!this.isHere(there.record)) return;
    const tar = await this.read(of, slot);
    const savedAtMs = clock.wallMs();
    const blob = tar === undefined ? undefined : await files.put(encodeSaved(incarnation, savedAtMs, tar));
    const saved = blob === undefined ? null : { blob, savedAtMs };
    const put = await store.put({ ...there.record, usedAtMs: savedAtMs, live: null, saved }, there);
    const unnamed = put === undefined ? blob : there.record.saved?.blob;
    if (unnamed === undefined) return;
    await files
      .drop(unnamed)
      .catch((error: unknown) => log.debug({ error: String(error) }, 'session_files_not_dropped'));
  }

  /** Answers whoever wants the session's container gone from here. */
  async answer({ kind, tenant, session }: SessionCall): Promise<SessionReply> {
    const of = { tenant, session };
    const { pool } = this.options;
    if (kind === 'hand_over') return { v: SESSIONS_VERSION, kind: await pool.evictSession(tenant, session) };
    this.closing.add(keyOf(of));
    this.here.delete(keyOf(of));
    return { v: SESSIONS_VERSION, kind: pool.endSession(tenant, session) };
  }

  private isHere(record: SessionRecord): boolean {
    return isAt(record, this.options.worker, this.options.boot);
  }

  private adopt(of: SessionOf, { incarnation }: SessionRecord): Visit {
    const known = this.here.get(keyOf(of));
    if (known?.incarnation === incarnation) return known;
    const visit = { incarnation };
    this.here.set(keyOf(of), visit);
    return visit;
  }

  private forget({ tenant, session }: SessionOf): void {
    this.here.delete(keyOf({ tenant, session }));
    this.options.pool.endSession(tenant, session);
  }

  /** The record of a session that this worker has taken. */
  private taken({ tenant, session }: SessionOf, before: SessionRecord | undefined): SessionRecord {
    const { worker, boot, clock, newIncarnation } = this.options;
    const usedAtMs = clock.wallMs();
    const live = { worker, boot };
    if (before !== undefined) return { ...before, usedAtMs, live };
    const own = { incarnation: newIncarnation(), openedAtMs: usedAtMs, usedAtMs, live, saved: null };
    return { v: SESSIONS_VERSION, tenant, session, ...own };
  }

  /** Renews an old time of use; false when the record was changed meanwhile. */
  private async touch(there: HeldRecord): Promise<boolean> {
    const nowMs = this.options.clock.wallMs();
    if (nowMs - there.record.usedAtMs < USED_EXACT_MS) return true;
    return (await this.options.store.put({ ...there.record, usedAtMs: nowMs }, there)) !== undefined;
  }

  /** `done`: it is not there any more, or its worker is not. */
  private async handOver(of: SessionOf, worker: WorkerId): Promise<'done' | 'busy'> {
    const reply = await this.options.store.ask(worker, { kind: 'hand_over', ...of }, HAND_OVER_MS);
    return reply === 'busy' ? 'busy' : 'done';
  }

  /** The work directory as a tar; undefined where it cannot be had. */
  private async read({ session }: SessionOf, slot: Slot): Promise<Buffer[] | undefined> {
    const save = slot.link.save(this.options.bytesMax);
    const pieces: Buffer[] = [];
    for await (const piece of save) pieces.push(piece);
    const end = await save.end;
    if (end.kind === 'saved') return pieces;
    const reason = end.kind === 'refused' ? end.refusal.message : end.reason;
    this.options.log.warn({ session, reason }, 'session_not_saved');
    return undefined;
  }

  private async load(
    { session }: SessionOf,
    saved: SavedFiles,
    incarnation: string,
  ): Promise<Buffer | undefined> {
    try {
      return decodeSaved(await this.options.files.get(saved.blob), incarnation);
    } catch (error) {
      if (!(error instanceof BlobError)) throw error;
      this.options.log.warn({ session, reason: error.message }, 'session_files_gone');
      return undefined;
    }
  }

  private async restore({ session }: SessionOf, slot: Slot, tar: Buffer): Promise<SessionState> {
    const restored = await slot.link.restore(piecesOf(tar));
    if (restored.kind === 'restored') return 'files-restored';
    this.options.log.warn({ session, reason: restored.reason }, 'session_not_restored');
    // What came of them must not look like all of them.
    if (restored.kind === 'refused') await slot.link.reset();
    return 'fresh';
  }
}

const PIECE_BYTES = 256 * 1024;

async function* piecesOf(tar: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < tar.byteLength; from += PIECE_BYTES) yield tar.subarray(from, from + PIECE_BYTES);
}

const keyOf = ({ tenant, session }: SessionOf): string => `${tenant}/${session}`;
