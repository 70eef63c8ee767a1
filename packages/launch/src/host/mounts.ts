/** Mounts below folders that are about to go. */
import { readFileSync } from 'node:fs';
import { attempt } from '../exec.js';

/** Unmounts everything below the folders, newest first: deleting through a mount would delete what is mounted. */
export const unmountBelow = async (folders: readonly string[]): Promise<void> => {
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return;
  }
  const points = mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => folders.some((folder) => point.startsWith(folder)));
  for (const point of points.reverse()) await attempt('umount', ['--lazy', point]);
};
