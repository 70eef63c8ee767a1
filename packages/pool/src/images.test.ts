/** Which images stay, go and come. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planImages, type ImagePolicy, type ImageView, type NodeImage } from './index.js';

const policy: ImagePolicy = { highMark: 0.8, lowMark: 0.7, unusedMaxMs: 1_000 };
const image = (id: string, usedAtMs: number, change: Partial<NodeImage> = {}): NodeImage => ({
  id,
  references: [`tools@${id}`],
  bytes: 10,
  inUse: false,
  usedAtMs,
  ...change,
});
const view = (change: Partial<ImageView>): ImageView => ({
  images: [],
  wanted: [],
  disk: { usedBytes: 50, totalBytes: 100 },
  policy,
  nowMs: 500,
  ...change,
});
const removed = (change: Partial<ImageView>): string[] =>
  planImages(view(change)).remove.map(({ id, why }) => `${id} ${why}`);

describe('images', () => {
  const images = [image('new', 400), image('old', 100), image('older', 50), image('oldest', 10)];

  it('go for room above the high mark, least recently used first, down to the low one', () => {
    expect(removed({ images, disk: { usedBytes: 85, totalBytes: 100 } })).toEqual([
      'oldest room',
      'older room',
    ]);
  });

  it('stay between the marks', () => {
    expect(removed({ images, disk: { usedBytes: 80, totalBytes: 100 } })).toEqual([]);
  });

  it('stay while they are wanted or in use, on a full disk too', () => {
    const held = [image('wanted', 1), image('used', 2, { inUse: true }), image('spare', 3)];
    const disk = { usedBytes: 100, totalBytes: 100 };
    expect(removed({ images: held, wanted: ['tools@wanted'], disk, nowMs: 9_999 })).toEqual(['spare unused']);
  });

  it('go when nobody has used them for long, on an empty disk and on one of unknown size', () => {
    expect(removed({ images, nowMs: 1_060 })).toEqual(['oldest unused', 'older unused']);
    expect(removed({ images, nowMs: 1_060, disk: undefined })).toEqual(['oldest unused', 'older unused']);
  });

  it('are fetched before they are needed, most wanted first and each once, while there is room', () => {
    const wanted = ['tools@b', 'tools@new', 'tools@a', 'tools@b'];
    expect(planImages(view({ images, wanted })).pull).toEqual(['tools@b', 'tools@a']);
    const full = { usedBytes: 81, totalBytes: 100 };
    expect(planImages(view({ images, wanted, disk: full })).pull).toEqual([]);
  });

  it('once the plan is carried out, there is nothing left to do, and nothing that was held is gone', () => {
    const one = fc.record({
      id: fc.integer({ min: 0, max: 30 }).map(String),
      usedAtMs: fc.nat(2_000),
      bytes: fc.integer({ min: 0, max: 30 }),
      inUse: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 30 }).map((n) => `tools@${n}`)),
        fc.nat(100),
        (some, wanted, usedBytes) => {
          const before = view({
            images: some.map(({ id, ...rest }) => image(id, rest.usedAtMs, rest)),
            wanted,
            disk: { usedBytes, totalBytes: 100 },
            nowMs: 2_000,
          });
          const { remove } = planImages(before);
          const gone = new Set(remove.map(({ id }) => id));
          const lost = before.images.filter(({ id }) => gone.has(id));
          expect(lost.some(({ inUse, references }) => inUse || wanted.includes(references[0] ?? ''))).toBe(
            false,
          );
          const freed = lost.reduce((sum, { bytes }) => sum + bytes, 0);
          const after = {
            ...before,
            images: before.images.filter(({ id }) => !gone.has(id)),
            disk: { usedBytes: usedBytes - freed, totalBytes: 100 },
          };
          const again = planImages(after).remove;
          // What is left above the high mark can only be what must stay.
          expect(again).toEqual([]);
        },
      ),
    );
  });
});
