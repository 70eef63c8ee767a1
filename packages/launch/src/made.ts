/**
 * What the launcher made on this machine and must take away again, in a file that is written before each thing is
 * made: an interrupted run is cleaned up by the next one.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureFolder } from './paths.js';

/** One thing to take away. Undoing a thing that was never made, or is gone, does nothing. */
export type Thing =
  | { readonly kind: 'folder'; readonly path: string }
  /** A file with a file system in it, mounted at `point` through a loop device. */
  | { readonly kind: 'loop-mount'; readonly image: string; readonly point: string }
  /** Every process whose environment holds ZF_LAUNCH_ID=`launchId`. */
  | { readonly kind: 'processes'; readonly launchId: string }
  /** Tool containers of the engine broker named `broker`. */
  | { readonly kind: 'tool-containers'; readonly broker: string }
  /** A dockerd that we started; with a root it has its own folders there, otherwise the usual ones. */
  | { readonly kind: 'engine'; readonly systemd: boolean; readonly root: string | null }
  | { readonly kind: 'swarm' }
  | { readonly kind: 'node-label'; readonly label: string }
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'volume'; readonly name: string }
  | { readonly kind: 'stack'; readonly name: string }
  /** The claim of one launcher on a stack's name, held in the Swarm itself. */
  | { readonly kind: 'claim'; readonly stack: string; readonly launchId: string }
  /** Images under `prefix`: kept at the end of a run, taken away by --down. */
  | { readonly kind: 'images'; readonly prefix: string };

/** Which launcher made a thing: a pid and when that process began, so a reused pid is not taken for it. */
export interface Owner {
  readonly pid: number;
  readonly began: string;
}
export interface Entry {
  readonly id: number;
  readonly owner: Owner;
  readonly thing: Thing;
}
interface Content {
  readonly version: 1;
  readonly entries: readonly Entry[];
}

const LOCK_STALE_MS = 5_000;

/** When process `pid` began, in the kernel's ticks; '' where the kernel does not say, undefined when there is none. */
export const beganOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    try {
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
};

/** Whether the launcher that made a thing still runs. */
export const isAlive = (owner: Owner): boolean => beganOf(owner.pid) === owner.began;

export class MadeFile {
  private readonly path: string;
  private readonly owner: Owner;

  constructor(path: string, owner: Owner = { pid: process.pid, began: beganOf(process.pid) ?? '' }) {
    this.path = path;
    this.owner = owner;
  }

  /** Every entry, oldest first. A file that cannot be read counts as empty: nothing in it can be acted on. */
  list(): readonly Entry[] {
    try {
      const content = JSON.parse(readFileSync(this.path, 'utf8')) as Partial<Content>;
      return content.version === 1 ? (content.entries ?? []) : [];
    } catch {
      return [];
    }
  }

  /** Entries whose launcher is gone. */
  abandoned(): readonly Entry[] {
    return this.list().filter((entry) => !isAlive(entry.owner));
  }

  /** Notes that `thing` is about to be made; returns its id. */
  add(thing: Thing): number {
    let id = 0;
    this.change((entries) => {
      id = 1 + Math.max(0, ...entries.map((entry) => entry.id));
      return [...entries, { id, owner: this.owner, thing }];
    });
    return id;
  }

  /** Notes that the thing is gone. */
  drop(id: number): void {
    this.change((entries) => entries.filter((entry) => entry.id !== id));
  }

  private change(edit: (entries: readonly Entry[]) => readonly Entry[]): void {
    ensureFolder(dirname(this.path));
    const unlock = lock(`${this.path}.lock`);
    try {
      const content: Content = { version: 1, entries: edit(this.list()) };
      writeFileSync(`${this.path}.new`, `${JSON.stringify(content, null, 2)}\n`);
      renameSync(`${this.path}.new`, this.path);
    } finally {
      unlock();
    }
  }
}

/** Takes a lock file; one that its owner left behind is taken over after 5 s. */
const lock = (path: string): (() => void) => {
  for (;;) {
    try {
      closeSync(openSync(path, 'wx'));
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (age > LOCK_STALE_MS) rmSync(path, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
};
