/** A name for the content of files: equal exactly when every path, mode bit that matters and byte is. */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

const HASH_CHARS = 12;

/** One thing that goes into an image: a file or folder, or a text such as a base's reference. */
export type Input = { readonly path: string } | { readonly text: string };

/** Files that never reach an image, or do not change what it does. */
const LEFT_OUT =
  /(^|\/)(node_modules|__pycache__|\.tsbuildinfo|test|[^/]*\.test\.[^/]*|[^/]*\.map|[^/]*\.d\.ts|\.git)(\/|$)/;

/** Whether the path inside its folder goes into an image. */
export const goesIn = (path: string): boolean => !LEFT_OUT.test(path);

/** Every file below `path` that goes into an image, relative to it, in a fixed order; a file gives '', nothing gives none. */
export const filesBelow = (path: string, below = ''): readonly string[] => {
  const full = join(path, below);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [below];
  return readdirSync(full)
    .sort()
    .map((name) => join(below, name))
    .filter(goesIn)
    .flatMap((name) => filesBelow(path, name));
};

/** 12 hex characters that name the inputs. Paths count relative to `root`, so clones agree. */
export const contentHash = (inputs: readonly Input[], root: string): string => {
  const hash = createHash('sha256');
  const feed = (part: string | Buffer): void => void hash.update(`${part.length}:`).update(part);
  for (const input of inputs) {
    if ('text' in input) {
      feed(input.text);
      continue;
    }
    for (const name of filesBelow(input.path)) {
      const file = join(input.path, name);
      const stat = lstatSync(file);
      feed(relative(root, file));
      feed((stat.mode & 0o111) === 0 ? 'plain' : 'executable');
      feed(stat.isSymbolicLink() ? readlinkSync(file) : readFileSync(file));
    }
  }
  return hash.digest('hex').slice(0, HASH_CHARS);
};
