import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX } from '@zerofleet/model';
import { encodeFrame, encodeJsonFrame, FRAME, FrameBreach, FrameDecoder, type Frame } from './frames.js';
import { encodeFileFrame } from './frame-payloads.js';

const type = fc.constantFrom(...Object.values(FRAME));
const frame = fc.record({
  type,
  payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
});

/** Hands `bytes` to a decoder in pieces that end at `cuts`. */
const decode = (bytes: Buffer, cuts: readonly number[]): Frame[] => {
  const decoder = new FrameDecoder();
  const edges = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  return edges.flatMap((edge) => {
    const frames = decoder.push(bytes.subarray(from, edge));
    from = edge;
    return frames;
  });
};

describe('frames', () => {
  it('come out as they went in, wherever the stream is cut', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, where) => {
        const bytes = Buffer.concat(frames.map((one) => encodeFrame(one.type, one.payload)));
        expect(decode(bytes, where)).toEqual(frames);
      }),
      { numRuns: 300 },
    );
  });

  it('come out of single bytes, the biggest too', () => {
    const small = encodeJsonFrame(FRAME.RUN, { a: 'é' });
    const one = decode(small, [...small.keys()]);
    expect(one.map(({ payload }) => payload.toString())).toEqual(['{"a":"é"}']);
    const big = encodeFrame(FRAME.OUT, Buffer.alloc(FRAME_BYTES_MAX, 7));
    expect(decode(big, [3, 70_000])[0]?.payload.byteLength).toBe(FRAME_BYTES_MAX);
  });

  it('that are too long are a breach as soon as their header is there, and cannot be made', () => {
    const head = Buffer.from([0, 0, 0, 0, FRAME.OUT]);
    head.writeUInt32BE(FRAME_BYTES_MAX + 1);
    expect(() => new FrameDecoder().push(head)).toThrow(FrameBreach);
    expect(new FrameDecoder().push(head.subarray(0, 4))).toEqual([]);
    expect(() => encodeFrame(FRAME.OUT, Buffer.alloc(FRAME_BYTES_MAX + 1))).toThrow(RangeError);
  });

  it('of every type that is not known are a breach', () => {
    const known = new Set<number>(Object.values(FRAME));
    for (let byte = 0; byte < 256; byte += 1) {
      const push = (): Frame[] => new FrameDecoder().push(Buffer.from([0, 0, 0, 0, byte]));
      if (known.has(byte)) expect(push()).toHaveLength(1);
      else expect(push).toThrow(FrameBreach);
    }
  });

  it('of a file hold flag, path and data', () => {
    const bytes = encodeFileFrame('é/b', Buffer.from('data'), true);
    const payload = decode(bytes, [])[0]?.payload;
    expect(payload).toEqual(Buffer.concat([Buffer.from([1, 0, 4]), Buffer.from('é/bdata')]));
  });
});
