import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkBytes, chunkEnd } from '@zerofleet/protocol';
import { Spool } from './spool.js';

const piece = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ maxLength: 20, unit: 'grapheme' }).map((text) => Buffer.from(text)),
  ),
  flush: fc.boolean(),
});

describe('spool', () => {
  it('keeps every byte in its stream, in one gapless order, up to the limit exactly', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 600 }), (pieces, limit) => {
        const spool = new Spool(limit);
        const sent = { stdout: [] as number[], stderr: [] as number[] };
        let left = limit;
        for (const { stream, bytes, flush } of pieces) {
          spool.push(stream, Buffer.from(bytes));
          sent[stream].push(...Buffer.from(bytes).subarray(0, left));
          left -= Math.min(left, bytes.length);
          if (flush) spool.flush(0);
        }
        const chunks = spool.finish();
        let next = 0;
        for (const chunk of chunks) {
          expect(chunk.offset).toBe(next);
          next = chunkEnd(chunk);
        }
        for (const stream of ['stdout', 'stderr'] as const) {
          const got = Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map(chunkBytes));
          expect([...got]).toEqual(sent[stream]);
        }
        expect(spool.bytes).toBe(limit - left);
        expect(spool.truncated).toBe(pieces.reduce((sum, one) => sum + one.bytes.length, 0) > limit);
      }),
    );
  });

  it('serves any offset', () => {
    const spool = new Spool(1_000);
    for (let n = 0; n < 20; n += 1) {
      spool.push(n % 2 === 0 ? 'stdout' : 'stderr', Buffer.from(`é${n}\n`));
      spool.flush(0);
    }
    const whole = Buffer.concat(spool.finish().map(chunkBytes));
    for (let offset = 0; offset <= whole.byteLength; offset += 1) {
      const rest = Buffer.concat(spool.read(offset).chunks.map(chunkBytes));
      expect(rest.equals(whole.subarray(offset))).toBe(true);
    }
  });

  it('holds a character together that comes in two writes', () => {
    const spool = new Spool(100);
    const bytes = Buffer.from('€');
    spool.push('stdout', bytes.subarray(0, 1));
    expect(spool.flush(0)).toEqual([]);
    spool.push('stdout', bytes.subarray(1));
    expect(spool.flush(0)).toEqual([{ offset: 0, stream: 'stdout', encoding: 'utf8', data: '€' }]);
  });
});
