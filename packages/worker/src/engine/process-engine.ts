/**
 * Runners as subprocesses of the worker, for machines without a Docker engine and for roll-back. It isolates little.
 *
 * Q1  As root, every runner's jobs have a user id of their own, given again only after the runner is gone.
 * Q2  Each runner has its own folder, removed with it; what an earlier life of the worker left is removed at the start.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StartError, type RunnerPipe, type ToolEngine } from './tool-engine.js';

const CRASH_TEXT_MAX = 2_000;
/** The runner ends by itself when its stdin does; after so long it is killed, in ms. */
const END_WITHIN_MS = 2_000;

const HOME_PREFIX = 'runner-';

export interface ProcessEngineOptions {
  readonly runnerDir: string;
  readonly python: string;
  readonly scratchDir: string;
  /** First user id for jobs; undefined where the worker is not root and jobs run as the worker's own user. */
  readonly uidBase: number | undefined;
}

export class ProcessEngine implements ToolEngine {
  private readonly options: ProcessEngineOptions;
  private readonly slots = new Set<number>();

  constructor(options: ProcessEngineOptions) {
    this.options = options;
    removeLeftovers(options.scratchDir);
  }

  async open(): Promise<RunnerPipe> {
    const slot = this.takeSlot();
    const home = this.makeHome(slot);
    const child = spawn(this.options.python, this.argsFor(slot, home), {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      cwd: home,
      env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' },
    });
    const release = (): void => {
      this.slots.delete(slot);
      rmSync(home, { recursive: true, force: true });
    };
    try {
      await started(child);
    } catch (error) {
      release();
      throw new StartError(`${this.options.python} cannot be started: ${(error as Error).message}`);
    }
    return pipeOf(child, `process-${slot}`, release);
  }

  private takeSlot(): number {
    let slot = 0;
    while (this.slots.has(slot)) slot += 1;
    this.slots.add(slot);
    return slot;
  }

  private makeHome(slot: number): string {
    mkdirSync(this.options.scratchDir, { recursive: true, mode: 0o711 });
    const home = mkdtempSync(join(this.options.scratchDir, `${HOME_PREFIX}${slot}-`));
    chmodSync(home, 0o711);
    for (const name of ['work', 'tmp']) {
      const folder = join(home, name);
      mkdirSync(folder, { mode: 0o700 });
      const uid = this.uidOf(slot);
      if (uid !== undefined) chownSync(folder, uid, uid);
    }
    return home;
  }

  private uidOf(slot: number): number | undefined {
    return this.options.uidBase === undefined ? undefined : this.options.uidBase + slot;
  }

  private argsFor(slot: number, home: string): string[] {
    const uid = this.uidOf(slot);
    const ids = uid === undefined ? [] : ['--uid', String(uid), '--gid', String(uid)];
    const folders = ['--work', join(home, 'work'), '--tmp', join(home, 'tmp')];
    return ['-I', '-u', this.options.runnerDir, '--mode', 'process', ...ids, ...folders];
  }
}

const removeLeftovers = (scratchDir: string): void => {
  if (!existsSync(scratchDir)) return;
  for (const name of readdirSync(scratchDir))
    if (name.startsWith(HOME_PREFIX)) rmSync(join(scratchDir, name), { recursive: true, force: true });
};

const started = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

const pipeOf = (child: ChildProcess, id: string, release: () => void): RunnerPipe => {
  let crash = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    crash = (crash + bytes.toString('utf8')).slice(-CRASH_TEXT_MAX);
  });
  child.stdin?.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      release();
      resolve();
    });
  });
  return {
    id,
    write: (bytes) => void child.stdin?.write(bytes),
    onData: (take) => void child.stdout?.on('data', take),
    onEnd: (end) => void gone.then(() => end(crash.trim() === '' ? 'the runner ended' : crash.trim(), false)),
    destroy: async () => {
      child.stdin?.destroy();
      const timer = setTimeout(() => killGroup(child), END_WITHIN_MS);
      await gone;
      clearTimeout(timer);
    },
  };
};

/** The runner's own group; its jobs are in groups of their own and end with it. */
const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
};
