/** A Docker engine: the one that runs, or one that we start and therefore stop again. */
import { existsSync, readFileSync, openSync, closeSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { attempt, isRoot, run, until, which } from '../exec.js';
import { LaunchError } from '../errors.js';
import { beganOf } from '../made.js';
import { HOME, LOGS, ensureFolder } from '../paths.js';
import type { Session } from '../session.js';
import { aptInstall, canInstall } from './apt.js';
import { engineAnswers } from './docker.js';
import { cleanLeftovers } from './engine-leftovers.js';

const START_MS = 60_000;
const STOP_MS = 60_000;

/** Where an engine that we started keeps its things; a root keeps everything in one folder, apart from another engine. */
export interface EngineThing {
  readonly systemd: boolean;
  readonly root: string | null;
}

/** Files of the engine that we start by hand. */
const filesOf = (root: string | null) => ({
  pid: join(root ?? HOME, 'dockerd.pid'),
  log: join(root ?? ensureFolder(LOGS), 'dockerd.log'),
  exec: root === null ? '/var/run/docker' : join(root, 'exec'),
  data: root === null ? '/var/lib/docker' : join(root, 'data'),
});

/** Why there can be no engine here, in one sentence; undefined when one answers or can be started. */
export const whyNoEngine = async (): Promise<string | undefined> => {
  if (await engineAnswers()) return undefined;
  if (process.platform !== 'linux') return 'no Docker engine answers; start Docker';
  if (!isRoot())
    return 'no Docker engine answers and we are not root; start dockerd, or join the group docker';
  if ((await which('dockerd')) === undefined && !(await canInstall()))
    return 'no Docker engine is installed; install docker.io or docker-ce';
  return undefined;
};

/** Makes sure that an engine answers; one that this call starts is stopped when `session` ends. Throws LaunchError. */
export const ensureEngine = async (session: Session, root: string | null = null): Promise<void> => {
  if (root === null && (await engineAnswers())) return;
  const why = root === null ? await whyNoEngine() : undefined;
  if (why !== undefined) throw new LaunchError(why);
  const systemd = existsSync('/run/systemd/system') && root === null;
  if ((await which('dockerd')) === undefined) {
    session.make({ kind: 'engine', systemd, root });
    await aptInstall(['docker.io', 'iptables', 'ca-certificates'], 'a Docker engine');
    if (systemd && (await until(engineAnswers, { timeoutMs: START_MS, signal: session.signal }))) return;
  } else session.make({ kind: 'engine', systemd, root });
  session.check();
  if (systemd) await run('systemctl', ['start', 'docker']);
  else startByHand(root);
  if (await until(engineAnswers, { timeoutMs: START_MS, everyMs: 200, signal: session.signal })) return;
  session.check();
  const logs = systemd ? 'journalctl -u docker' : filesOf(root).log;
  throw new LaunchError(`dockerd does not answer after ${START_MS / 1000} s; see ${logs}`);
};

/** Starts dockerd in a session of its own, so that it outlives a Ctrl-C long enough to be stopped in order. */
const startByHand = (root: string | null): void => {
  const files = filesOf(root);
  const log = openSync(files.log, 'a');
  const apart = [
    '--data-root',
    files.data,
    '--exec-root',
    files.exec,
    '-H',
    `unix://${root ?? ''}/docker.sock`,
  ];
  const args = [
    '-p',
    files.pid,
    ...(root === null ? [] : [...apart, '--bridge', 'none', '--iptables=false']),
  ];
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const child = spawn('dockerd', args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: path },
  });
  child.on('error', () => undefined);
  child.unref();
  closeSync(log);
};

/** Stops an engine that we started, and clears away what a stopped dockerd leaves. Throws when it does not end. */
export const stopEngine = async (engine: EngineThing): Promise<void> => {
  if (engine.systemd) {
    await attempt('systemctl', ['stop', 'docker.socket', 'docker.service']);
    return;
  }
  const files = filesOf(engine.root);
  const pid = existsSync(files.pid) ? Number(readFileSync(files.pid, 'utf8')) : 0;
  const began = pid > 1 ? beganOf(pid) : undefined;
  if (began !== undefined && isDockerd(pid)) {
    process.kill(pid, 'SIGTERM');
    const gone = (): Promise<boolean> => Promise.resolve(beganOf(pid) !== began);
    if (!(await until(gone, { timeoutMs: STOP_MS })))
      throw new LaunchError(`dockerd (pid ${pid}) does not end; see ${files.log}`);
  }
  rmSync(files.pid, { force: true });
  await cleanLeftovers(files, engine.root === null);
};

const isDockerd = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd';
  } catch {
    return false;
  }
};
