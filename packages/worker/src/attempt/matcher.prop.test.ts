import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Matcher, ROOT } from './matcher.js';

/** Few letters, so that patterns hold and begin each other. */
const text = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength, maxLength });

/** Every place in `text` behind `from` where a pattern ends, with the longest that does. */
const endsIn = (patterns: readonly string[], text: string, from: number): [number, number][] => {
  const found: [number, number][] = [];
  for (let end = from + 1; end <= text.length; end += 1) {
    const lengths = patterns.filter((one) => text.slice(0, end).endsWith(one)).map(({ length }) => length);
    if (lengths.length > 0) found.push([end, Math.max(...lengths)]);
  }
  return found;
};

/** The longest end of `text` that begins a pattern. */
const begunIn = (patterns: readonly string[], text: string): string =>
  patterns
    .flatMap((pattern) => Array.from(pattern, (_, n) => pattern.slice(0, n + 1)))
    .filter((beginning) => text.endsWith(beginning))
    .reduce((best, one) => (one.length > best.length ? one : best), '');

describe('a matcher', () => {
  it('finds what a search at each place finds, and knows what may begin a pattern', () => {
    fc.assert(
      fc.property(
        fc.array(text(2, 7), { minLength: 1, maxLength: 8 }),
        fc.array(text(0, 9), { maxLength: 8 }),
        (patterns, pieces) => {
          const matcher = new Matcher(patterns.map((pattern) => Buffer.from(pattern)));
          let read = '';
          let state = ROOT;
          for (const piece of pieces) {
            const found: [number, number][] = [];
            const before = read.length;
            state = matcher.read(state, Buffer.from(piece), (end, length) =>
              found.push([before + end, length]),
            );
            read += piece;
            expect(found).toEqual(endsIn(patterns, read, before));
            expect(matcher.bytesOf(state).toString()).toBe(begunIn(patterns, read));
            expect(matcher.depthOf(state)).toBe(begunIn(patterns, read).length);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
