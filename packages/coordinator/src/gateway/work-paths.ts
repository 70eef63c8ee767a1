/** Paths in a job's work directory, as a submission gives them: of files that are put there, and of what is collected. */
import { COLLECT_PATH_BYTES_MAX, FILE_PATH_BYTES_MAX, type InputFile, type Refusal } from '@zerofleet/model';

const NAME_BYTES_MAX = 255;
/** Stands for all that is in the work directory. */
const EVERYTHING = '.';

/** A path that stays inside the work directory; the runner checks again, as it trusts nobody's check but its own. */
const isInside = (path: string): boolean =>
  Buffer.byteLength(path) <= FILE_PATH_BYTES_MAX &&
  !/[\0\p{Cs}]/u.test(path) &&
  path
    .split('/')
    .every(
      (name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= NAME_BYTES_MAX,
    );

const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;

/** Every folder that a relative path lies in. */
const foldersAbove = (path: string): string[] =>
  [...path.matchAll(/\//g)].map((slash) => path.slice(0, slash.index));

/** What is wrong with the input files of a job, or undefined. */
export const checkFiles = (files: readonly InputFile[]): Refusal | undefined => {
  const seen = new Set<string>();
  const folders = new Set<string>();
  for (const [index, file] of files.entries()) {
    const wrong = (what: string): Refusal => ({
      code: 'invalid_request',
      detail: `files[${index}]: ${what}.`,
      errors: [{ path: `/files/${index}`, message: what }],
    });
    if (!isInside(file.path)) return wrong('the path must be relative and stay inside the work directory');
    if (seen.has(file.path)) return wrong('the path is there twice');
    const above = foldersAbove(file.path);
    if (folders.has(file.path) || above.some((folder) => seen.has(folder)))
      return wrong('the path is a file and a folder of files at once');
    for (const folder of above) folders.add(folder);
    if (file.encoding === 'base64' && !isBase64(file.data)) return wrong('the data is not base64');
    seen.add(file.path);
  }
  return undefined;
};

/** What is wrong with the paths that a job is to collect, or undefined. */
export const checkCollect = (paths: readonly string[]): Refusal | undefined => {
  for (const [index, path] of paths.entries()) {
    const isFine =
      path === EVERYTHING || (isInside(path) && Buffer.byteLength(path) <= COLLECT_PATH_BYTES_MAX);
    const message = `must be '.', or relative, inside the work directory, and of ${COLLECT_PATH_BYTES_MAX} bytes at most`;
    if (!isFine)
      return {
        code: 'invalid_request',
        detail: `collect[${index}]: the path ${message}.`,
        errors: [{ path: `/collect/${index}`, message }],
      };
  }
  return undefined;
};

/** Those that lie in no folder of the others: a folder stands for all that is below it. */
export const withoutCovered = (paths: readonly string[]): readonly string[] => {
  const all = new Set(paths);
  if (all.has(EVERYTHING)) return [EVERYTHING];
  return paths.filter((path) => !foldersAbove(path).some((folder) => all.has(folder)));
};
