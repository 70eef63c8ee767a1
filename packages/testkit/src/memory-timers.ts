/**
 * The stream of timer pages in memory. `everStored` keeps what was dropped, for the auditor.
 *
 * Places of faults: `timers.store`, `timers.get`, `timers.drop`, `timers.list`.
 */
import type { TimerPort } from '@zerofleet/coordinator';
import type { Faults } from './faults.js';
import type { ProcessClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

const TIMEOUT_MS = 1_000;

/** The server's side. */
export class MemoryPages {
  readonly everStored: Uint8Array[] = [];
  readonly held = new Set<number>();
  /** Hears that a page was dropped. */
  onDropped: () => void = () => undefined;

  store(bytes: Uint8Array): number {
    this.everStored.push(bytes);
    this.held.add(this.everStored.length);
    return this.everStored.length;
  }

  get(page: number): Uint8Array | undefined {
    return this.held.has(page) ? this.everStored[page - 1] : undefined;
  }

  drop(page: number): void {
    if (this.held.delete(page)) this.onDropped();
  }
}

/** The pages as one process reaches them. */
export class MemoryTimers implements TimerPort {
  private readonly pages: MemoryPages;
  private readonly process: ProcessClock;
  private readonly wire: Wire;
  private readonly faults: Faults;

  constructor(pages: MemoryPages, process: ProcessClock, wire: Wire, faults: Faults) {
    this.pages = pages;
    this.process = process;
    this.wire = wire;
    this.faults = faults;
  }

  store(bytes: Uint8Array): Promise<number> {
    return this.ask('store', () => {
      if (this.faults.strikes('timers.store', 'full')) throw new Error('maximum bytes exceeded');
      return this.pages.store(bytes);
    });
  }

  get(page: number): Promise<Uint8Array | undefined> {
    return this.ask('get', () => this.pages.get(page));
  }

  drop(page: number): Promise<void> {
    return this.ask('drop', () => this.pages.drop(page));
  }

  list(): Promise<readonly number[]> {
    return this.ask('list', () => [...this.pages.held]);
  }

  private ask<T>(what: string, act: () => T): Promise<T> {
    return this.wire.ask(`timers.${what}`, this.process, TIMEOUT_MS, act);
  }
}
