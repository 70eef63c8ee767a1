/**
 * A disk of our own: an ext4 file system in a file, mounted through a loop device. What a process wrote there and did not
 * sync is in the page cache of the mounted file system, not in the file: a copy of the file is the disk after a power cut.
 *
 * D1  A disk is noted before it is made, and goes with the session: mount, loop device, file.
 * D2  The journal is larger than what is written while a copy is taken, so that no part of it is written over meanwhile.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { attempt, isRoot, lastLine, run, until } from '../exec.js';
import type { Session } from '../session.js';

/** A file with a file system, and where it is mounted or will be. */
export interface Disk {
  readonly image: string;
  readonly point: string;
}

const JOURNAL_MIB = 64;
/** Files and folders that fit on a disk. */
const INODES = 8_192;
const GONE_MS = 5_000;

/** Why no disk can be made here; undefined when one can. */
export const whyNoDisks = (): string | undefined => {
  if (process.platform !== 'linux') return 'loop devices are of Linux';
  if (!isRoot()) return 'only root may mount a file system; run it again as root';
  return existsSync('/dev/loop-control') ? undefined : 'this machine gives no loop devices';
};

const diskAt = (session: Session, image: string): Disk => {
  const disk = { image, point: `${image}.mnt` };
  session.make({ kind: 'loop-mount', ...disk });
  return disk;
};

/** Makes and mounts an empty disk in the file `image`. It takes the space of what is written to it. Throws LaunchError. */
export const makeDisk = async (session: Session, image: string, sizeMib: number): Promise<Disk> => {
  const disk = diskAt(session, image);
  await run('truncate', ['--size', `${sizeMib}M`, image]);
  const journal = `size=${JOURNAL_MIB}`;
  const eager = 'lazy_itable_init=0,lazy_journal_init=0';
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-N', String(INODES), '-J', journal, '-E', eager, image]);
  await mountDisk(disk);
  return disk;
};

/** Copies what is on the disk just now into the file `image`; the copy is not mounted. Throws LaunchError. */
export const copyDisk = async (session: Session, disk: Disk, image: string): Promise<Disk> => {
  const copy = diskAt(session, image);
  await run('cp', ['--sparse=always', '--reflink=auto', disk.image, image]);
  return copy;
};

/** Mounts a disk as it is; its journal is replayed, as after a power cut. Throws LaunchError. */
export const mountDisk = async ({ image, point }: Disk): Promise<void> => {
  mkdirSync(point, { recursive: true });
  await run('mount', ['-o', 'loop,noatime', image, point]);
};

/** Takes a disk away, at once where nobody uses it any more. Throws when something of it is left. */
export const removeDisk = async ({ image, point }: Disk): Promise<void> => {
  if (isMounted(point) && (await attempt('umount', [point])).code !== 0) {
    const lazily = await attempt('umount', ['--lazy', point]);
    if (lazily.code !== 0) throw new Error(lastLine(lazily));
  }
  if (existsSync(image)) {
    const detached = async (): Promise<boolean> => {
      const devices = await devicesOf(image);
      for (const device of devices) await attempt('losetup', ['--detach', device]);
      return devices.length === 0;
    };
    if (!(await until(detached, { timeoutMs: GONE_MS }))) throw new Error(`${image} is still in use`);
  }
  rmSync(image, { force: true });
  if (existsSync(point)) rmdirSync(point);
};

const isMounted = (point: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === point);

/** Loop devices whose backing file is `image`. */
const devicesOf = async (image: string): Promise<readonly string[]> => {
  const found = await attempt('losetup', ['--noheadings', '--output', 'NAME', '--associated', image]);
  return found.code === 0 ? found.stdout.split('\n').filter((name) => name !== '') : [];
};
