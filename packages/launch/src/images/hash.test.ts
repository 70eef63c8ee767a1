import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentHash, filesBelow, goesIn } from './hash.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'zf-hash-'));
  mkdirSync(join(root, 'a/__pycache__'), { recursive: true });
  writeFileSync(join(root, 'a/one.js'), 'one');
  writeFileSync(join(root, 'a/one.test.js'), 'test');
  writeFileSync(join(root, 'a/one.js.map'), 'map');
  writeFileSync(join(root, 'a/__pycache__/x.pyc'), 'cache');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const hash = (): string => contentHash([{ path: join(root, 'a') }, { text: 'base' }], root);

describe('contentHash', () => {
  it('is the same for the same content, in another folder too', () => {
    const before = hash();
    const other = mkdtempSync(join(tmpdir(), 'zf-hash-'));
    mkdirSync(join(other, 'a'));
    writeFileSync(join(other, 'a/one.js'), 'one');
    expect(contentHash([{ path: join(other, 'a') }, { text: 'base' }], other)).toBe(before);
    rmSync(other, { recursive: true, force: true });
  });

  it('changes with a byte, a name, the executable bit and a text', () => {
    const seen = new Set([hash()]);
    writeFileSync(join(root, 'a/one.js'), 'One');
    seen.add(hash());
    writeFileSync(join(root, 'a/two.js'), '');
    seen.add(hash());
    chmodSync(join(root, 'a/two.js'), 0o755);
    seen.add(hash());
    seen.add(contentHash([{ path: join(root, 'a') }, { text: 'other' }], root));
    expect(seen.size).toBe(5);
  });

  it('leaves out tests, maps and caches', () => {
    expect(filesBelow(join(root, 'a'))).toEqual(['one.js']);
    expect(goesIn('packages/x/dist/main.js')).toBe(true);
    expect(goesIn('packages/x/dist/main.d.ts')).toBe(false);
  });

  it('takes a path that is not there for no content', () => {
    expect(filesBelow(join(root, 'nothing'))).toEqual([]);
  });
});
