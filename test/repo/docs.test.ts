/** Pages that list what the code has are compared with the code, both ways. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every match of `pattern`'s first group in `text`, once each, sorted. */
const all = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))].sort();

const sources = (): string =>
  readdirSync(join(root, 'packages'))
    // What only tests run is set by tests.
    .filter((name) => name !== 'testkit')
    .flatMap((name) => {
      const folder = join('packages', name, 'src');
      return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      );
    })
    .filter((file) => file.endsWith('.ts') && !file.includes('.test.'))
    .map(read)
    .join('\n');

describe('docs', () => {
  it('list every setting there is, and no other', () => {
    const inCode = all(sources(), /env: '(ZF_[A-Z_]+)'/g);
    const inDocs = all(read('docs/config.md'), /^\| `(ZF_[A-Z_]+)`/gm);
    expect(inCode.length).toBeGreaterThan(40);
    expect(inDocs).toEqual(inCode);
  });

  it('list every metric there is, and no other', () => {
    const inCode = all(sources(), /'(zf_[a-z_]+[a-z])'/g).filter((name) => !name.startsWith('zf_process'));
    const inDocs = all(read('docs/metrics.md'), /^\| `(zf_[a-z_]+)`/gm);
    expect(inDocs).toEqual(inCode);
  });

  it('name files that exist', () => {
    for (const page of ['README.md', 'docs/ARCHITECTURE.md', 'docs/states.md', 'SECURITY.md']) {
      const text = read(page);
      const links = all(text, /\]\(((?!http|#)[^)]+)\)/g).map((link) =>
        page.startsWith('docs/') ? join('docs', link) : link,
      );
      const folders = all(text, /`((?:packages|images|test|runbooks|loadtests)\/[A-Za-z0-9_./-]+)`/g);
      for (const path of [...links, ...folders])
        expect(() => readdirOrRead(path), `${page} names ${path}`).not.toThrow();
    }
  });
});

const readdirOrRead = (path: string): unknown => {
  const full = join(root, path);
  try {
    return readdirSync(full);
  } catch {
    return readFileSync(full);
  }
};
