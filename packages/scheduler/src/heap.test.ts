import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MinHeap } from './heap.js';

describe('MinHeap', () => {
  it('gives back the smallest first, whatever is put in and taken out in between', () => {
    const step = fc.option(fc.integer({ min: -50, max: 50 }), { nil: null, freq: 3 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const heap = new MinHeap<string>();
        const model: { readonly key: number; readonly item: string }[] = [];
        for (const [n, key] of steps.entries()) {
          if (key !== null) {
            heap.push(`${n}`, key);
            model.push({ key, item: `${n}` });
          } else {
            const smallest = Math.min(...model.map((one) => one.key));
            expect(heap.firstKey).toBe(smallest);
            const item = heap.pop();
            const place = model.findIndex((one) => one.item === item);
            expect(model[place]?.key ?? Infinity).toBe(smallest);
            if (place >= 0) model.splice(place, 1);
          }
          expect(heap.size).toBe(model.length);
        }
      }),
    );
  });
});
