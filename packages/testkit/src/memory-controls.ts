/**
 * The control store in memory: what operators set, which every process hears of a moment later.
 *
 * Places of faults: none of its own; a process that is cut off hears when it is back.
 */
import { Controls } from '@zerofleet/coordinator';
import { encodeJson } from '@zerofleet/protocol';
import type { ProcessClock } from './virtual-clock.js';

/** A change reaches a process that is online within this, in ms. */
export const CONTROL_DELAY_MS = 50;
/** A process that is cut off looks again after this, in ms. */
const AGAIN_MS = 100;

interface Entry {
  readonly key: string;
  readonly bytes: Uint8Array | null;
}

/** The server's side. */
export class MemoryControls {
  private readonly log: Entry[] = [];
  private readonly hearers = new Set<() => void>();

  /** Sets a record, or ends it (null). */
  set(key: string, record: object | null): void {
    this.log.push({ key, bytes: record === null ? null : encodeJson(record) });
    for (const hear of this.hearers) hear();
  }

  /** What one process knows: all that was set before it began, and what comes later as it comes. */
  openFor(process: ProcessClock): Controls {
    const controls = new Controls();
    let seen = 0;
    const take = (): void => {
      if (!process.online) {
        process.after(AGAIN_MS, take);
        return;
      }
      for (const { key, bytes } of this.log.slice(seen)) {
        seen += 1;
        controls.apply(key, bytes, seen);
      }
    };
    take();
    this.hearers.add(() => process.after(CONTROL_DELAY_MS, take));
    return controls;
  }
}
