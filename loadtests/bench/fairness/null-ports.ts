/** Ports of an engine that has the world to itself: what it writes is stored at once, and never read again. */
import type { AppendResult, LedgerPort, OutcomePort, TimerPort, UsagePort } from '@zerofleet/coordinator';

/** Takes every append, and keeps nothing. */
export class NullLedger implements LedgerPort {
  private tail = 1;

  append(): Promise<AppendResult> {
    this.tail += 1;
    return Promise.resolve({ kind: 'stored', seq: this.tail });
  }

  read(): Promise<number> {
    return Promise.resolve(this.tail);
  }

  follow(): Promise<() => void> {
    return Promise.resolve(() => undefined);
  }

  get(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  purge(): Promise<void> {
    return Promise.resolve();
  }

  usage(): Promise<{ bytes: number; maxBytes: number; lastSeq: number }> {
    return Promise.resolve({ bytes: 0, maxBytes: Infinity, lastSeq: this.tail });
  }
}

export const nullOutcomes: OutcomePort = {
  project: () => Promise.resolve(),
  bury: () => Promise.resolve(),
  find: () => Promise.resolve({ kind: 'none' }),
  findKey: () => Promise.resolve({ kind: 'none' }),
};

export const NO_TIMERS: TimerPort = {
  store: () => Promise.reject(new Error('there is no timer stream')),
  get: () => Promise.resolve(undefined),
  drop: () => Promise.resolve(),
  list: () => Promise.resolve([]),
};

export const NO_USAGE: UsagePort = { load: () => Promise.resolve([]), save: () => Promise.resolve() };
