/** What must be true of an ended attack: the suite asserts it, and the canary proves that each of these assertions can fail. */
import { expect } from 'vitest';
import { toldOf, triedIn, type AttackEnd } from './attack.js';
import type { Growth } from './host.js';

/** Processes and open files of a container, and its places with their sizes, as tool definitions and broker have them. */
const PIDS_MAX = 128;
const MIB = 1024 ** 2;
const SIZES: Readonly<Record<string, number>> = { '/work': 64, '/tmp': 64, '/dev/shm': 16 };
/** What the worker and the host's disk may grow by while a job writes all it can, in MiB. */
const GROWTH_MIB = 32;
/** What may come of an attempt that must not work: there is no such thing here, or it is not allowed. */
const REFUSALS = [
  'EPERM',
  'EACCES',
  'EROFS',
  'ENOENT',
  'ENOSYS',
  'ENOTDIR',
  'EAFNOSUPPORT',
  'ETXTBSY',
  'ENXIO',
];
/** Devices and folders of a container that are harmless. */
const DEVICES = [
  ...['console', 'core', 'fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm'],
  ...['stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero'],
];
/** Files of the engine's own that it puts into every container, read-only. */
const ENGINE_FILES = [
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/sbin/docker-init',
  '/usr/sbin/docker-init',
];

/** The program ran to its end. */
export const ranWell = (end: AttackEnd): void =>
  expect(end.job).toMatchObject({ stage: 'succeeded', exitCode: 0, error: null });

/** Attempts that were not refused. */
export const notRefused = (end: AttackEnd): string[] =>
  Object.entries(triedIn(end))
    .filter(([, got]) => !REFUSALS.includes(got))
    .map(([what, got]) => `${what}: ${got}`);

/** It was refused more processes than its container may have. */
export const fewProcesses = (end: AttackEnd): void => {
  ranWell(end);
  expect(toldOf(end, 'children'), 'children').toBeLessThan(PIDS_MAX);
  expect(toldOf(end, 'children'), 'children').toBeGreaterThan(PIDS_MAX / 2);
  expect(toldOf(end, 'refused')).toBe('EAGAIN');
};

/** Each place that it may write to ended at its size. */
export const fullAtItsSize = (end: AttackEnd): void => {
  ranWell(end);
  const places = end.told.filter(({ place }) => place !== undefined);
  expect(places).toHaveLength(Object.keys(SIZES).length);
  for (const { place, written, refused } of places) {
    expect(written, `written to ${String(place)}`).toBeLessThanOrEqual((SIZES[String(place)] ?? 0) * MIB);
    expect(refused).toBe('ENOSPC');
  }
  expect(toldOf(end, 'allocated')).toBe('ENOSPC');
};

/** It could make files in the job's own places alone, and open nothing of the runner's for writing. */
export const ownPlacesOnly = (end: AttackEnd): void => {
  ranWell(end);
  expect(toldOf(end, 'folders')).toBeGreaterThan(300);
  expect(toldOf(end, 'took'), 'places that took a file').toEqual([
    '/dev/mqueue',
    '/dev/shm',
    '/tmp',
    '/work',
  ]);
  expect(toldOf(end, 'opened')).toEqual([]);
};

/** Neither the host's disk nor the worker's memory grew. */
export const isFlat = (growth: Growth): void => {
  expect(growth.looks).toBeGreaterThan(10);
  expect(growth.diskMiB, 'MiB of disk').toBeLessThanOrEqual(GROWTH_MIB);
  expect(growth.workerMiB, 'MiB of the worker').toBeLessThanOrEqual(GROWTH_MIB);
};

/** The kernel refused everything, and the program has no right that a user could lack. */
export const kernelRefuses = (end: AttackEnd): void => {
  ranWell(end);
  expect(Object.keys(triedIn(end)).length).toBeGreaterThan(80);
  expect(notRefused(end), 'not refused').toEqual([]);
  expect(toldOf(end, 'leaks')).toEqual([]);
  const [uid = '0'] = toldOf(end, 'uids') as string[];
  expect(Number(uid)).toBeGreaterThan(0);
  expect(toldOf(end, 'uids')).toEqual([uid, uid, uid, uid]);
  expect(toldOf(end, 'gids')).not.toContain('0');
  expect(toldOf(end, 'groups')).not.toContain('0');
  expect(new Set(toldOf(end, 'capabilities') as string[])).toEqual(new Set(['0000000000000000']));
  expect(toldOf(end, 'no_new_privileges')).toBe('1');
  expect(toldOf(end, 'seccomp')).toBe('2');
  expect((toldOf(end, 'devices') as string[]).filter((name) => !DEVICES.includes(name))).toEqual([]);
};

/** One of each table that the kernel keeps by user was to be had. */
export const tablesAreFree = (end: AttackEnd): void => {
  ranWell(end);
  const all = { watch: 'done', queue: 'done', timer: 'done', flight: 'done', pipe: 'done' };
  expect(triedIn(end), 'tables').toEqual(all);
};

/** A probe reached itself, in every way that it has, and of `places` places none; and there is no network around it. */
export const nothingReached = (end: AttackEnd, places: number): void => {
  ranWell(end);
  const controls = Object.entries(toldOf(end, 'controls') as Record<string, string | null>);
  expect(controls.length).toBeGreaterThanOrEqual(5);
  expect(controls.filter(([, got]) => got === null)).toEqual([]);
  expect(toldOf(end, 'tried')).toBe(places);
  expect(toldOf(end, 'reached'), 'reached').toEqual([]);
  expect((toldOf(end, 'up') as string[]).filter((name) => name !== 'lo')).toEqual([]);
  expect(toldOf(end, 'routes')).toEqual([]);
  expect(toldOf(end, 'sockets')).toEqual(['/tmp/control']);
  expect(toldOf(end, 'named')).toEqual(['/tmp/control', '@control']);
  expect((toldOf(end, 'mounts') as string[]).filter((path) => !ENGINE_FILES.includes(path))).toEqual([]);
  expect(['ENETUNREACH', 'EACCES', 'EPERM']).toContain(toldOf(end, 'ping'));
};
