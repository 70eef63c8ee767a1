/**
 * The files that a job left, as they come in: checks that they are what RUN asked for.
 *
 * N1  Only paths at or below one that was asked for, each once, piece after piece, within both limits.
 * N2  The RESULT says what came, to the byte; otherwise it is a breach.
 */
import { FrameBreach, parseFileOut, STREAM_CREDIT_BYTES, type FilePiece } from '@zerofleet/protocol';
import { Credit } from './credit.js';
import type { RunnerResult } from './messages.js';

/** What RUN asks for of the files that the job leaves. */
export interface Collect {
  /** Paths relative to the work directory; a folder means everything below it, `.` everything there is. */
  readonly paths: readonly string[];
  /** Bytes of all files together, at most. */
  readonly bytesMax: number;
  readonly countMax: number;
}

export class FileIntake {
  readonly credit = new Credit(STREAM_CREDIT_BYTES, 'FILE_OUT');
  private readonly collect: Collect;
  private readonly done = new Set<string>();
  /** The file whose last piece has not come yet. */
  private open: { readonly path: string; bytes: number } | undefined;
  private count = 0;
  private bytes = 0;

  constructor(collect: Collect) {
    this.collect = collect;
  }

  /** The piece in a FILE_OUT. Throws FrameBreach (N1). */
  take(payload: Buffer): FilePiece {
    this.credit.take(payload.byteLength);
    const piece = parseFileOut(payload);
    this.open ??= this.begin(piece.path);
    if (piece.path !== this.open.path) throw new FrameBreach('a file amid another');
    this.open.bytes += piece.data.byteLength;
    this.bytes += piece.data.byteLength;
    if (this.bytes > this.collect.bytesMax) throw new FrameBreach('files of more bytes than asked for');
    if (piece.last) this.finish(piece.dropped);
    return piece;
  }

  /** Throws FrameBreach unless `files` is what came (N2). */
  check(files: RunnerResult['files']): void {
    if (this.open !== undefined) throw new FrameBreach('a RESULT amid a file');
    if (files?.count !== this.count || files.bytes !== this.bytes)
      throw new FrameBreach('a RESULT that counts other files than came');
  }

  private begin(path: string): { readonly path: string; bytes: number } {
    if (!this.collect.paths.some((asked) => isAtOrBelow(path, asked)))
      throw new FrameBreach('a file nobody asked for');
    if (this.done.has(path)) throw new FrameBreach('a file that came before');
    if (this.done.size === this.collect.countMax) throw new FrameBreach('more files than asked for');
    this.done.add(path);
    return { path, bytes: 0 };
  }

  /** A dropped file counts for nothing, but its path and its share of the limit are used up while it comes. */
  private finish(dropped: boolean): void {
    if (dropped) this.bytes -= this.open?.bytes ?? 0;
    else this.count += 1;
    this.open = undefined;
  }
}

const isAtOrBelow = (path: string, asked: string): boolean => {
  const plain = asked.replace(/\/+$/, '');
  return plain === '.' || path === plain || path.startsWith(`${plain}/`);
};
