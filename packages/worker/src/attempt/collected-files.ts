/**
 * The files that a job leaves and that were asked for, on their way from its runner to the blob store.
 *
 * F1  No file is held whole: of all pieces together no more than AHEAD_BYTES wait here, and FILES_AHEAD files.
 * F2  A file is among the collected ones when its blob is committed, and not before; what cannot be stored is skipped, and the
 *     job ends as it ends.
 * F3  All of it has an end: what is not stored LATE_MS after the first piece is skipped.
 */
import {
  COLLECT_BYTES_MAX,
  COLLECT_FILES_MAX,
  COLLECT_SKIPPED_MAX,
  INLINE_FILES_BYTES_MAX,
  type BlobRef,
  type CollectedFile,
  type FileList,
  type FilesRecord,
  type SkippedFile,
} from '@zerofleet/model';
import { encodeJson, type FilePiece } from '@zerofleet/protocol';
import { BlobError, type BlobIntake, type BlobWriter, type Cancel, type Clock } from '@zerofleet/runtime';
import type { Collect } from '../runner/file-intake.js';
import type { RunnerResult } from '../runner/messages.js';

const AHEAD_BYTES = 1024 * 1024;
const FILES_AHEAD = 16;
export const LATE_MS = 60_000;

/** What a runner is asked for. */
export const collectOf = (paths: readonly string[]): Collect => ({
  paths,
  bytesMax: COLLECT_BYTES_MAX,
  countMax: COLLECT_FILES_MAX,
});

/** A file under way. */
interface Incoming {
  readonly path: string;
  bytes: number;
  /** Where it came in more than one piece. */
  writer: BlobWriter | undefined;
  /** Why it is not collected. */
  failure: string | undefined;
  blob: BlobRef | undefined;
}

export class CollectedFiles {
  private readonly intake: BlobIntake;
  private readonly clock: Clock;
  private readonly files: Incoming[] = [];
  private open: Incoming | undefined;
  /** What is being stored, by file. */
  private readonly storing = new Map<Incoming, Promise<void>>();
  private bytesAhead = 0;
  private waiter: (() => void) | undefined;
  private late: Promise<void> | undefined;
  private isLate = false;
  private cancelLate: Cancel = () => undefined;

  constructor(intake: BlobIntake, clock: Clock) {
    this.intake = intake;
    this.clock = clock;
  }

  /** Takes a piece in; resolves when there is room for the next one (F1). Never rejects. */
  take(piece: FilePiece): Promise<void> {
    this.late ??= this.startLate();
    const file = (this.open ??= this.begin(piece.path));
    if (piece.last) this.open = undefined;
    if (piece.dropped) file.failure ??= 'unreadable';
    if (!this.isLate) this.store(file, piece);
    return this.hasRoom() || this.isLate ? Promise.resolve() : this.room();
  }

  /**
   * What came, once it is stored; `result` is what the runner says of it, undefined where it said nothing. A list that is too
   * long goes to a blob by `keep`.
   */
  async finish(
    result: RunnerResult['files'],
    keep: (bytes: Uint8Array) => Promise<BlobRef>,
  ): Promise<FilesRecord> {
    await Promise.race([Promise.all(this.storing.values()), this.late]);
    this.cancelLate();
    if (this.open !== undefined) this.open.failure ??= 'cut_off';
    this.endLate();
    const list = this.listOf(result);
    const count = list.files.length;
    const bytes = list.files.reduce((sum, { blob }) => sum + blob.bytes, 0);
    const head = { count, bytes, truncated: result?.truncated ?? true };
    const encoded = encodeJson(list);
    return encoded.byteLength <= INLINE_FILES_BYTES_MAX
      ? { ...head, kind: 'inline', ...list }
      : { ...head, kind: 'blob', blob: await keep(encoded) };
  }

  private begin(path: string): Incoming {
    const file: Incoming = { path, bytes: 0, writer: undefined, failure: undefined, blob: undefined };
    this.files.push(file);
    return file;
  }

  private listOf(result: RunnerResult['files']): FileList {
    const files: CollectedFile[] = [];
    const skipped: SkippedFile[] = [...(result?.skipped ?? [])];
    const said = new Set(skipped.map(({ path }) => path));
    for (const { path, blob, failure } of this.files) {
      if (blob !== undefined && failure === undefined) files.push({ path, blob });
      // One that the runner threw away may be in its own list.
      else if (!said.has(path)) skipped.push({ path, why: failure ?? 'too_late' });
    }
    const skippedMore = (result?.skippedMore ?? 0) + Math.max(skipped.length - COLLECT_SKIPPED_MAX, 0);
    return { files, skipped: skipped.slice(0, COLLECT_SKIPPED_MAX), skippedMore };
  }

  /** Begins to store a piece, behind those of its file before. */
  private store(file: Incoming, piece: FilePiece): void {
    const { byteLength } = piece.data;
    this.bytesAhead += byteLength;
    const before = this.storing.get(file) ?? Promise.resolve();
    const stored = before
      .then(() => this.write(file, piece))
      .catch((error: unknown) => {
        file.failure ??=
          error instanceof BlobError && error.code === 'blobs_full' ? 'store_full' : 'not_stored';
      })
      .then(() => this.settle(file, piece));
    this.storing.set(file, stored);
  }

  private async write(file: Incoming, { data, last }: FilePiece): Promise<void> {
    if (file.failure !== undefined) return;
    file.bytes += data.byteLength;
    if (last && file.writer === undefined) {
      file.blob = await this.intake.put(data);
      return;
    }
    const writer = (file.writer ??= this.intake.begin());
    await writer.append(data);
    if (last && !isGivenUp(file)) file.blob = await writer.commit();
  }

  private settle(file: Incoming, { data, last }: FilePiece): void {
    this.bytesAhead -= data.byteLength;
    if (last) {
      this.storing.delete(file);
      giveUp(file);
    }
    if (this.hasRoom()) this.wake();
  }

  private hasRoom(): boolean {
    return this.bytesAhead < AHEAD_BYTES && this.storing.size < FILES_AHEAD;
  }

  /** One who brings pieces waits at a time. */
  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.waiter = resolve;
    });
  }

  private wake(): void {
    this.waiter?.();
    this.waiter = undefined;
  }

  private startLate(): Promise<void> {
    return new Promise((resolve) => {
      this.cancelLate = this.clock.after(LATE_MS, () => {
        this.endLate();
        resolve();
      });
    });
  }

  /** F3: what is stored from now on is not among the files. To be called twice does no harm. */
  private endLate(): void {
    this.isLate = true;
    for (const file of this.files) {
      if (file.blob !== undefined) continue;
      file.failure ??= 'too_late';
      void this.storing.get(file)?.then(() => giveUp(file));
    }
    this.wake();
  }
}

const isGivenUp = ({ failure }: Incoming): boolean => failure !== undefined;

/** Takes back what was stored of a file that has no blob; not while it is still being written. */
const giveUp = (file: Incoming): void => {
  if (file.blob === undefined) void file.writer?.abandon();
  file.writer = undefined;
};
