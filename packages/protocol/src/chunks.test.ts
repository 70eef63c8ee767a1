import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkBytes, chunkEnd, chunkOf, chunksFrom } from './chunks.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((one) => Buffer.from(one)),
  fc.string({ unit: 'grapheme', maxLength: 10 }).map((one) => Buffer.from(one)),
);

describe('chunks', () => {
  it('hold exactly the bytes that they were made of, as text where they are text', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (one, offset) => {
        const chunk = chunkOf(offset, 'stderr', one);
        const back = chunkBytes(JSON.parse(JSON.stringify(chunk)) as typeof chunk);
        expect(back.equals(one)).toBe(true);
        expect(chunkEnd(chunk)).toBe(offset + one.byteLength);
      }),
    );
    expect(chunkOf(0, 'stdout', Buffer.from('né')).encoding).toBe('utf8');
    expect(chunkOf(0, 'stdout', Buffer.from([0xc3])).encoding).toBe('base64');
  });

  it('from any offset on are the bytes from there on, without a hole', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), fc.nat(130), (pieces, from) => {
        const whole = Buffer.concat(pieces);
        let offset = 0;
        const chunks = pieces.map((one, n) => {
          const chunk = chunkOf(offset, n % 2 === 0 ? 'stdout' : 'stderr', one);
          offset += one.byteLength;
          return chunk;
        });
        const rest = chunksFrom(chunks, from);
        expect(Buffer.concat(rest.map(chunkBytes)).equals(whole.subarray(from))).toBe(true);
        let next = Math.min(from, whole.length);
        for (const chunk of rest.filter((one) => one.data !== '')) {
          expect(chunk.offset).toBe(next);
          next = chunkEnd(chunk);
        }
      }),
      { numRuns: 300 },
    );
  });
});
