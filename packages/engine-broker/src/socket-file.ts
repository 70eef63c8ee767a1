/**
 * The broker's socket in a folder that it shares with its worker.
 *
 * F1  The socket is born with its mode, and its group is set on the socket itself: whatever the worker puts in its place,
 *     a link to somewhere else included, keeps its own.
 * F2  Who may connect may not write the folder: a folder in the socket's place would keep the broker from starting.
 */
import { chmodSync, lchownSync, mkdirSync, rmSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';

const NOT_OF_OTHERS = 0o177;
const NOT_OF_THE_WORLD = 0o117;
const GROUP_WRITES = 0o020;
const MODE_BITS = 0o7777;

/** Makes `server` listen at `path`, for this process's user and for group `gid` where that is not 0. */
export const listenOn = async (server: Server, path: string, gid: number): Promise<void> => {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  if (gid !== 0) takeFolder(folder, gid);
  rmSync(path, { recursive: true, force: true });
  const before = process.umask(gid === 0 ? NOT_OF_OTHERS : NOT_OF_THE_WORLD);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // A unix socket is bound inside the call.
  process.umask(before);
  await listening;
  if (gid !== 0) lchownSync(path, -1, gid);
};

/** A folder of that group, as volumes of earlier releases have it, is the group's to enter only (F2). */
const takeFolder = (folder: string, gid: number): void => {
  const { mode, gid: owner } = statSync(folder);
  if (owner === gid && (mode & GROUP_WRITES) !== 0) chmodSync(folder, mode & MODE_BITS & ~GROUP_WRITES);
};
