/**
 * Files of a job on this machine. Their names were chosen by the job.
 *
 * V1  Nothing is written but at or below the path that the user named: a name that leads elsewhere is refused, and so is one
 *     whose folder is a symlink that was there before.
 * V2  What is there stays, unless the user says otherwise; then a file takes the place of a file, and never of a folder.
 * V3  A file has its name once it is whole: one that breaks off leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Download } from '@zerofleet/sdk';
import { UsageError } from './failure.js';
import { escaped } from './terminal.js';

/** Below a folder that the user named: where `path` of a job goes. Makes no folder yet. Throws UsageError (V1). */
export const placeIn = async (folder: string, path: string): Promise<string> => {
  const names = path.split('/');
  if (names.some((name) => ['', '.', '..'].includes(name) || name.includes('\0') || isSplit(name)))
    throw new UsageError(`'${escaped(path)}' does not stay in ${folder}; nothing was written of it`);
  let at = folder;
  for (const name of names.slice(0, -1)) {
    at = join(at, name);
    const found = await kindOf(at);
    if (found === 'none') break;
    if (found !== 'folder')
      throw new UsageError(`${escaped(at)} is there and is no folder; give another one with --output`);
  }
  return join(folder, ...names);
};

/** Where paths are written with backslashes, one in a name would lead into a folder. */
const isSplit = (name: string): boolean => process.platform === 'win32' && /[\\:]/.test(name);

/** Throws UsageError when nothing may be written at `place` (V2). */
export const checkFree = async (place: string, force: boolean): Promise<void> => {
  const found = await kindOf(place);
  if (found === 'folder') throw new UsageError(`${escaped(place)} is a folder; give another name`);
  if (found !== 'none' && !force) throw thereAlready(place);
};

/** Writes a download to `place`, which was checked, making the folders that it lies in. */
export const save = async (download: Download, place: string, force: boolean): Promise<void> => {
  const part = join(dirname(place), `.zerofleet-${randomBytes(6).toString('hex')}.part`);
  try {
    await mkdir(dirname(place), { recursive: true });
    await write(download, part);
    await (force ? rename(part, place) : link(part, place));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw thereAlready(place);
    throw codeOf(error) === undefined
      ? error
      : new UsageError(`${escaped(place)} cannot be written (${codeOf(error)}); see --output`);
  } finally {
    await rm(part, { force: true });
  }
};

const write = async ({ content }: Download, part: string): Promise<void> => {
  const file = await open(part, 'wx');
  try {
    for await (const piece of content) await file.writeFile(piece);
  } finally {
    await file.close();
  }
};

export const kindOf = async (path: string): Promise<'none' | 'folder' | 'other'> => {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return 'none';
    throw new UsageError(`${escaped(path)} cannot be looked at (${codeOf(error)}); see --output`);
  }
};

const thereAlready = (place: string): UsageError =>
  new UsageError(`${escaped(place)} is there already; --force puts the job's file in its place`);

/** Of an error of the file system; undefined for others. */
const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined;
