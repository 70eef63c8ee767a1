/**
 * The output of one attempt, kept up to its limit, cut into chunks.
 *
 * S1  Offsets are the order: each byte kept has one, over both streams, and none is given twice.
 * S2  A chunk does not end inside a UTF-8 character: up to three bytes wait for the rest of theirs, or for the end.
 * S3  No chunk holds more than CHUNK_BYTES, whatever size it came in: readers count on it for their messages.
 * S4  Never more than `limitBytes` are kept; what comes after is dropped and `truncated` says so.
 */
import type { OutputChunk, OutputStream } from '@zerofleet/model';
import { chunkBytes, chunkEnd, chunkOf, chunksFrom } from '@zerofleet/protocol';

/** Bytes of a chunk, at most. As JSON it may be six times as long: a zero byte is \u0000 there. */
const CHUNK_BYTES = 32 * 1024;
/** What one answer to a reader holds as JSON, at most, unless its first chunk is longer. */
const READ_BYTES_MAX = 256 * 1024;

export class Spool {
  private readonly limitBytes: number;
  private readonly chunks: OutputChunk[] = [];
  private open: { stream: OutputStream; pieces: Buffer[]; bytes: number } | undefined;
  private readonly held: Record<OutputStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  private taken = 0;
  private end = 0;
  truncated = false;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.taken;
  }

  push(stream: OutputStream, bytes: Buffer): void {
    const room = this.limitBytes - this.taken;
    const kept = bytes.subarray(0, room);
    if (kept.byteLength < bytes.byteLength) this.truncated = true;
    this.taken += kept.byteLength;
    const joined = this.held[stream].byteLength === 0 ? kept : Buffer.concat([this.held[stream], kept]);
    const whole = joined.byteLength - incompleteTail(joined);
    this.held[stream] = joined.subarray(whole);
    this.appendAll(stream, joined.subarray(0, whole));
  }

  /** Closes what is open; what waits for the rest of a character goes on waiting. Returns the chunks closed since `index`. */
  flush(index: number): readonly OutputChunk[] {
    this.close();
    return this.chunks.slice(index);
  }

  /** Chunks closed so far. */
  get count(): number {
    return this.chunks.length;
  }

  /** The end of the output: what still waits comes as it is. */
  finish(): readonly OutputChunk[] {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.held[stream];
      this.held[stream] = Buffer.alloc(0);
      this.appendAll(stream, rest);
    }
    this.close();
    return this.chunks;
  }

  /** Closed chunks from `offset` on, up to READ_BYTES_MAX. */
  read(offset: number): { readonly chunks: readonly OutputChunk[]; readonly more: boolean } {
    const from = this.indexOf(offset);
    const found: OutputChunk[] = [];
    let bytes = 0;
    for (let index = from; index < this.chunks.length; index += 1) {
      const chunk = this.chunks[index] as OutputChunk;
      const size = jsonBytesOf(chunk);
      if (bytes > 0 && bytes + size > READ_BYTES_MAX)
        return { chunks: chunksFrom(found, offset), more: true };
      found.push(chunk);
      bytes += size;
    }
    return { chunks: chunksFrom(found, offset), more: false };
  }

  /** The first chunk that reaches beyond `offset`, by bisection. */
  private indexOf(offset: number): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunkEnd(this.chunks[middle] as OutputChunk) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private appendAll(stream: OutputStream, bytes: Buffer): void {
    for (let rest = bytes; rest.byteLength > 0;) {
      const part = rest.subarray(0, CHUNK_BYTES);
      const tail = part.byteLength < rest.byteLength ? incompleteTail(part) : 0;
      this.append(stream, part.subarray(0, part.byteLength - tail));
      rest = rest.subarray(part.byteLength - tail);
    }
  }

  private append(stream: OutputStream, bytes: Buffer): void {
    const { open } = this;
    if (open !== undefined && (open.stream !== stream || open.bytes + bytes.byteLength > CHUNK_BYTES))
      this.close();
    this.open ??= { stream, pieces: [], bytes: 0 };
    this.open.pieces.push(bytes);
    this.open.bytes += bytes.byteLength;
  }

  private close(): void {
    if (this.open === undefined) return;
    const chunk = chunkOf(this.end, this.open.stream, Buffer.concat(this.open.pieces));
    this.chunks.push(chunk);
    this.end = chunk.offset + chunkBytes(chunk).byteLength;
    this.open = undefined;
  }
}

/** A chunk's length in a message. Not that of its text: JSON writes control characters as six. */
export const jsonBytesOf = (chunk: OutputChunk): number => Buffer.byteLength(JSON.stringify(chunk));

/** Bytes at the end of `bytes` that begin a UTF-8 character and do not finish it: 0 to 3. */
const incompleteTail = (bytes: Buffer): number => {
  for (let back = 1; back <= Math.min(3, bytes.byteLength); back += 1) {
    const byte = bytes[bytes.byteLength - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
};
