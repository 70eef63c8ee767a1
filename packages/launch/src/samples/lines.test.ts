import { describe, expect, it } from 'vitest';
import { Lines } from './lines.js';

describe('Lines', () => {
  it('passes on whole lines, however they were cut, and the rest at the end', () => {
    const seen: string[] = [];
    const lines = new Lines((line) => seen.push(line));
    for (const piece of ['Py', 'thon\n', '\na\nb', '', 'c']) lines.add(piece);
    expect(seen).toEqual(['Python', '', 'a']);
    lines.end();
    lines.end();
    expect(seen).toEqual(['Python', '', 'a', 'bc']);
  });
});
