/**
 * Output chunks as bytes and back. A chunk never holds half a UTF-8 character unless its bytes are not UTF-8 at all,
 * or a reader asked for a cut there; such a chunk is base64.
 */
import { isUtf8 } from 'node:buffer';
import type { OutputChunk, OutputStream } from '@zerofleet/model';

export const chunkOf = (offset: number, stream: OutputStream, bytes: Buffer): OutputChunk =>
  isUtf8(bytes)
    ? { offset, stream, encoding: 'utf8', data: bytes.toString('utf8') }
    : { offset, stream, encoding: 'base64', data: bytes.toString('base64') };

export const chunkBytes = (chunk: OutputChunk): Buffer => Buffer.from(chunk.data, chunk.encoding);

/** The offset just behind the chunk. */
export const chunkEnd = (chunk: OutputChunk): number =>
  chunk.offset + Buffer.byteLength(chunk.data, chunk.encoding);

/** What of `chunks` (in order) lies at or behind `offset`; a chunk that straddles it is cut. */
export const chunksFrom = (chunks: readonly OutputChunk[], offset: number): OutputChunk[] => {
  const rest: OutputChunk[] = [];
  for (const chunk of chunks) {
    if (chunk.offset >= offset) rest.push(chunk);
    else if (chunkEnd(chunk) > offset)
      rest.push(chunkOf(offset, chunk.stream, chunkBytes(chunk).subarray(offset - chunk.offset)));
  }
  return rest;
};
