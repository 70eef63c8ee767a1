/**
 * Notes of what tenants use, in memory.
 *
 * Places of faults: `usage.load`, `usage.save`.
 */
import type { UsagePort } from '@zerofleet/coordinator';
import type { UsagePage } from '@zerofleet/protocol';
import type { ProcessClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

const TIMEOUT_MS = 1_000;

/** The notes as one process reaches them. `pages` is the server's side, by page. */
export class MemoryUsage implements UsagePort {
  private readonly pages: Map<number, UsagePage>;
  private readonly process: ProcessClock;
  private readonly wire: Wire;

  constructor(pages: Map<number, UsagePage>, process: ProcessClock, wire: Wire) {
    this.pages = pages;
    this.process = process;
    this.wire = wire;
  }

  load(): Promise<readonly UsagePage[]> {
    return this.wire.ask('usage.load', this.process, TIMEOUT_MS, () => [...this.pages.values()]);
  }

  save(page: UsagePage): Promise<void> {
    return this.wire.ask('usage.save', this.process, TIMEOUT_MS, () => {
      if ((this.pages.get(page.page)?.seq ?? 0) > page.seq) throw new Error('noted by a later leader');
      this.pages.set(page.page, page);
    });
  }
}
