/**
 * A power cut of every NATS server of a lab at once, without losing the lab: what had reached the disks at that moment is
 * copied, and read later by servers that know nothing else.
 *
 * C1  Servers are held (SIGSTOP) from before the first byte is copied until after the last: a copy is of one moment, as a
 *     power cut is, and nothing is acknowledged by them meanwhile.
 * C2  What counts as acknowledged is what clients had been told when the servers stood still, before the copy began.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  copyDisk,
  mountDisk,
  removeDisk,
  startNatsAlone,
  type Disk,
  type Lab,
  type Session,
} from '@zerofleet/launch';
import { eventually } from '../fleet/eventually.js';
import { isSettled, readRecord, STREAMS, type JobRecord } from './record.js';

/** A server that was held stands still within this time: a write that it has begun ends first. */
const HELD_MS = 5_000;
const ELECTED_MS = 60_000;

export interface PowerCut {
  /** Ids that were acknowledged before it. */
  readonly acknowledged: readonly string[];
  /** The servers' disks as they were; not mounted. */
  readonly disks: readonly Disk[];
  readonly tookMs: number;
}

/** Cuts the power of the lab's servers, whose stores are on `disks`, and gives it back. */
export const cutPower = async (
  session: Session,
  lab: Lab,
  disks: readonly Disk[],
  acknowledged: readonly string[],
  name: string,
): Promise<PowerCut> => {
  const held = lab.nats.parts.map((part) => part.kill('SIGSTOP'));
  try {
    for (const pid of held) await eventually('a held server', () => stands(pid), HELD_MS, 1);
    const before = acknowledged.slice();
    const began = performance.now();
    const copies = await Promise.all(disks.map((disk) => copyDisk(session, disk, `${disk.image}.${name}`)));
    return { acknowledged: before, disks: copies, tookMs: performance.now() - began };
  } finally {
    for (const part of lab.nats.parts) part.kill('SIGCONT');
  }
};

/** True once every thread of the process stands still. */
const stands = async (pid: number | undefined): Promise<true | undefined> => {
  const folder = `/proc/${pid ?? 0}/task`;
  const states = readdirSync(folder).map((task) => {
    const stat = readFileSync(join(folder, task, 'stat'), 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  });
  return states.every((state) => state === 'T') ? true : undefined;
};

/** Where a server keeps its streams on a disk. */
export const storeOn = (disk: Disk): string => join(disk.point, 'store');

/** Starts servers on what a power cut left, waits until they know what they have, reads it, and takes it all away. */
export const readCut = async (session: Session, cut: PowerCut): Promise<JobRecord> => {
  for (const disk of cut.disks) await mountDisk(disk);
  const servers = await startNatsAlone(session, cut.disks.map(storeOn));
  const replicated = cut.disks.length > 1;
  for (const stream of STREAMS)
    await eventually(
      `an answer about ${stream}`,
      async () => ((await isSettled(servers.connection, stream, replicated)) ? true : undefined),
      ELECTED_MS,
      100,
    );
  const record = await readRecord(servers.connection);
  await servers.stop();
  for (const disk of cut.disks) await removeDisk(disk);
  return record;
};
