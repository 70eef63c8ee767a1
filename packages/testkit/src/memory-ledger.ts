/**
 * A ledger stream in memory, with the faults of a real one: lost and late appends, answers that never come,
 * unreadable moments. `history` keeps what a purge takes away, for the auditor.
 */
import type { AppendResult, Fence, LedgerPort } from '@zerofleet/coordinator';
import type { Prng } from './prng.js';
import type { ProcessClock } from './virtual-clock.js';

/** What may go wrong, each as a chance in 1,000. */
export interface LedgerFaults {
  lost: number;
  storedButUnanswered: number;
  unreadable: number;
  /** Latency of an append, at most, in ms. */
  latencyMs: number;
  /** Time after which an unanswered append ends, in ms. */
  timeoutMs: number;
}

export const NO_LEDGER_FAULTS: LedgerFaults = {
  lost: 0,
  storedButUnanswered: 0,
  unreadable: 0,
  latencyMs: 2,
  timeoutMs: 1_000,
};

/** The server's side, shared by every replica. */
export class MemoryLog {
  readonly history: Uint8Array[] = [];
  firstSeq = 1;
  private readonly ids: string[] = [];
  /** Anything but `full` is a planted defect: a simulation that does not catch it proves nothing. */
  fence: 'full' | 'sequence-only' | 'none' = 'full';
  /** Called at every fault that happened, with its name. */
  onFault: (name: string) => void = () => undefined;

  get lastSeq(): number {
    return this.history.length;
  }

  store(bytes: Uint8Array, id: string, fence: Fence): AppendResult {
    if (this.refuses(fence)) return { kind: 'refused' };
    this.history.push(bytes);
    this.ids.push(id);
    return { kind: 'stored', seq: this.lastSeq };
  }

  private refuses(fence: Fence): boolean {
    if (this.fence === 'none') return false;
    if (fence.lastSeq !== this.lastSeq) return true;
    return this.fence === 'full' && fence.lastId !== null && fence.lastId !== this.ids.at(-1);
  }

  at(seq: number): Uint8Array {
    const bytes = this.history[seq - 1];
    if (bytes === undefined) throw new RangeError(`no message ${seq}`);
    return bytes;
  }
}

/** One replica's connection to the log: its appends arrive in the order they were sent. */
export class MemoryLedger implements LedgerPort {
  private readonly log: MemoryLog;
  private readonly clock: ProcessClock;
  private readonly prng: Prng;
  private readonly faults: () => LedgerFaults;
  private lastArrivalMs = 0;

  constructor(log: MemoryLog, clock: ProcessClock, prng: Prng, faults: () => LedgerFaults) {
    this.log = log;
    this.clock = clock;
    this.prng = prng;
    this.faults = faults;
  }

  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult> {
    const faults = this.faults();
    const fate = this.fate(faults);
    const arrivalMs = Math.max(
      this.lastArrivalMs,
      this.clock.nowMs() + this.prng.between(0, faults.latencyMs),
    );
    this.lastArrivalMs = arrivalMs;
    return new Promise((resolve) => {
      const unknown = (): void => resolve({ kind: 'unknown', reason: `append ${fate}` });
      if (fate === 'lost') {
        this.clock.after(faults.timeoutMs, unknown);
        return;
      }
      // What was sent arrives also when its sender sleeps; the answer waits for it.
      this.arrive(arrivalMs, () => {
        const result = this.log.store(bytes, id, fence);
        if (fate === 'unanswered') this.clock.after(faults.timeoutMs, unknown);
        else this.clock.after(0, () => resolve(result));
      });
    });
  }

  async read(fromSeq: number, take: (seq: number, bytes: Uint8Array) => void): Promise<number> {
    await new Promise<void>((resolve) => this.clock.after(1, resolve));
    if (this.prng.chance(this.faults().unreadable, 1_000)) {
      this.log.onFault('ledger unreadable');
      throw new Error('unreadable just now');
    }
    for (let seq = Math.max(fromSeq, this.log.firstSeq); seq <= this.log.lastSeq; seq += 1)
      take(seq, this.log.at(seq));
    return this.log.lastSeq;
  }

  async purge(seq: number): Promise<void> {
    await new Promise<void>((resolve) => this.clock.after(1, resolve));
    this.log.firstSeq = Math.max(this.log.firstSeq, seq);
  }

  usage(): Promise<{ bytes: number; maxBytes: number }> {
    return Promise.resolve({ bytes: 0, maxBytes: 1 });
  }

  private fate(faults: LedgerFaults): 'stored' | 'lost' | 'unanswered' {
    if (this.prng.chance(faults.lost, 1_000)) {
      this.log.onFault('append lost');
      return 'lost';
    }
    if (this.prng.chance(faults.storedButUnanswered, 1_000)) {
      this.log.onFault('append stored but unanswered');
      return 'unanswered';
    }
    return 'stored';
  }

  private arrive(atMs: number, act: () => void): void {
    const delayMs = atMs - this.clock.nowMs();
    this.clock.after(delayMs, act);
  }
}
