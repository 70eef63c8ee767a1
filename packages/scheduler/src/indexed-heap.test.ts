import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IndexedHeap, type Numbered } from './indexed-heap.js';
import { Roll } from './roll.js';

interface Item extends Numbered {
  readonly name: number;
}

it('has the smallest on top, whatever is put in, moved and taken out', () => {
  const call = fc.record({
    name: fc.nat(40),
    first: fc.nat(6),
    second: fc.nat(1_000),
    remove: fc.nat(3).map((n) => n === 0),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 300, size: 'max' }), (calls) => {
      const roll = new Roll<Item>();
      const heap = new IndexedHeap<Item>(roll);
      const items = Array.from({ length: 41 }, (_, name): Item => ({ name, slot: name }));
      // The numbers of some that left are given again.
      for (let n = 0; n < 80; n += 1) if (n % 2 === 0) roll.leave(roll.enter(items[0] as Item));
      for (const item of items) expect(roll.enter(item)).toBe(item.slot);
      const model = new Map<number, readonly [number, number]>();
      for (const [at, { name, first, second, remove }] of calls.entries()) {
        const item = items[name] as Item;
        // No two are equal, so that the top is one.
        const key = second + at / 1_000;
        if (remove) heap.remove(item);
        else heap.set(item, first, key);
        if (remove) model.delete(name);
        else model.set(name, [first, key]);
        const [smallest] = [...model].sort(([, [a, b]], [, [c, d]]) => a - c || b - d);
        expect(heap.size).toBe(model.size);
        expect([heap.top?.name, heap.topFirst, heap.topSecond]).toEqual(
          smallest === undefined ? [undefined, Infinity, Infinity] : [smallest[0], ...smallest[1]],
        );
        expect(heap.has(item)).toBe(!remove);
      }
      const names: number[] = [];
      for (let top = heap.top; top !== undefined; top = heap.top) {
        names.push(top.name);
        heap.remove(top);
      }
      const sorted = [...model].sort(([, [a, b]], [, [c, d]]) => a - c || b - d);
      expect(names).toEqual(sorted.map(([name]) => name));
    }),
    { numRuns: 100 },
  );
});
