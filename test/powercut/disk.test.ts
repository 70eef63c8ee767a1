/** The method itself: what a copy of a disk holds, and that nothing stays of a disk that was taken away. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  copyDisk,
  makeDisk,
  mountDisk,
  removeDisk,
  temporaryFolder,
  whyNoDisks,
  type Session,
} from '@zerofleet/launch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testSession } from '../fleet/session.js';

const DISK_MIB = 256;
const write = (path: string, sync: boolean): void => {
  const file = openSync(path, 'w');
  writeSync(file, 'text');
  if (sync) fsyncSync(file);
  closeSync(file);
};
const devicesOf = (image: string): string =>
  execFileSync('losetup', ['--associated', image], { encoding: 'utf8' });

describe('a disk', () => {
  let session: Session;
  let folder = '';
  beforeEach(() => {
    const why = whyNoDisks();
    if (why !== undefined) throw new Error(`no disk can be made here: ${why}`);
    session = testSession();
    folder = temporaryFolder(session);
  });
  afterEach(() => session.close());

  it('copied while it is in use holds what was synced, and not what was only written', async () => {
    const disk = await makeDisk(session, join(folder, 'disk'), DISK_MIB);
    write(join(disk.point, 'synced'), true);
    write(join(disk.point, 'written'), false);
    const copy = await copyDisk(session, disk, join(folder, 'copy'));
    await mountDisk(copy);
    expect(readFileSync(join(copy.point, 'synced'), 'utf8')).toBe('text');
    expect(readdirSync(copy.point)).not.toContain('written');
  });

  it('goes with its session, mount and loop device too', async () => {
    const disk = await makeDisk(session, join(folder, 'disk'), DISK_MIB);
    expect(devicesOf(disk.image)).not.toBe('');
    await session.close();
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(disk.point);
    expect(JSON.stringify(session.made.list())).not.toContain(folder);
  });

  it('may be taken away twice', async () => {
    const disk = await makeDisk(session, join(folder, 'disk'), DISK_MIB);
    await removeDisk(disk);
    await removeDisk(disk);
    expect(readdirSync(folder)).toEqual([]);
  });
});
