/**
 * One run of the launcher: what it makes is noted before it is made and taken away when the run ends, however it ends.
 *
 * S1  close() undoes in reverse order, each thing once, and goes on when one fails.
 * S2  After a signal nothing more is made: make() throws, and programs that run are ended.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Interrupted, messageOf } from './errors.js';
import { MadeFile, type Thing } from './made.js';
import { warn } from './output.js';
import { HOME } from './paths.js';
import { undo } from './undo.js';

export class Session {
  /** Names this run in labels, folders and process environments. */
  readonly launchId = randomBytes(6).toString('hex');
  readonly made: MadeFile;
  private readonly controller = new AbortController();
  private readonly stack: { readonly what: string; readonly end: () => Promise<void> }[] = [];
  private closing: Promise<void> | undefined;

  constructor(made = new MadeFile(join(HOME, 'state.json'))) {
    this.made = made;
  }

  /** Fires at the first SIGINT or SIGTERM. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Why the run was interrupted; undefined while it was not. */
  get interruption(): Interrupted | undefined {
    return this.signal.aborted ? (this.signal.reason as Interrupted) : undefined;
  }

  /** Ends the run early; the reason is an Interrupted. */
  interrupt(signal: NodeJS.Signals): void {
    this.controller.abort(new Interrupted(signal));
  }

  /** Throws when the run was interrupted. */
  check(): void {
    if (this.interruption !== undefined) throw this.interruption;
  }

  /** Notes a thing that is about to be made, to be undone at the end. Throws Interrupted after a signal. */
  make(thing: Thing): void {
    this.check();
    const id = this.made.add(thing);
    this.stack.push({
      what: thing.kind,
      end: async () => {
        await undo(thing);
        this.made.drop(id);
      },
    });
  }

  /** Notes a thing that stays after the run, until --down. */
  keep(thing: Thing): void {
    this.check();
    const known = this.made.list().some((entry) => JSON.stringify(entry.thing) === JSON.stringify(thing));
    if (!known) this.made.add(thing);
  }

  /** Something to do at the end that needs no note, since it dies with this process. */
  atEnd(what: string, end: () => Promise<void>): void {
    this.stack.push({ what, end });
  }

  /** Takes everything away. Safe to call more than once. */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    for (let next = this.stack.pop(); next !== undefined; next = this.stack.pop()) {
      try {
        await next.end();
      } catch (error) {
        warn(`could not take away ${next.what}: ${messageOf(error)}; 'npm start -- --down' tries again`);
      }
    }
  }
}

/** Takes away what runs that ended without cleaning up have left; images stay. Returns how many things there were. */
export const recover = async (made: MadeFile): Promise<number> => {
  const left = made.abandoned().filter((entry) => entry.thing.kind !== 'images');
  for (const entry of [...left].reverse()) {
    try {
      await undo(entry.thing);
      made.drop(entry.id);
    } catch (error) {
      warn(`could not take away ${entry.thing.kind} of an earlier run: ${messageOf(error)}`);
    }
  }
  return left.length;
};
