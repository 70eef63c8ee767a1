/**
 * A ledger stream in memory, with the faults of a real one. `history` keeps what a purge takes away, for the auditor.
 *
 * Places of faults: `ledger.append`, `ledger.read`, `ledger.follow`, `ledger.get`, `ledger.purge`, `ledger.usage`.
 */
import type { AppendResult, Fence, LedgerPort, TakeMessage } from '@zerofleet/coordinator';
import { NO_FAULTS, type Faults } from './faults.js';
import type { Prng } from './prng.js';
import type { ProcessClock } from './virtual-clock.js';
import { Wire, type Lane } from './wire.js';

export const NO_LEDGER_FAULTS: Faults = NO_FAULTS;

/** Time after which whoever asked the ledger hears that nobody answered, in ms. */
const TIMEOUT_MS = 1_000;
/** A follower that is cut off looks again after this, in ms. */
const RECONNECT_MS = 250;

/** The server's side, shared by every replica. */
export class MemoryLog {
  readonly history: Uint8Array[] = [];
  firstSeq = 1;
  /** Bytes that it may hold. */
  maxBytes = Infinity;
  bytes = 0;
  /** Anything but `full` is a planted defect: a simulation that does not catch it proves nothing. */
  fence: 'full' | 'sequence-only' | 'none' = 'full';
  /** Hears of every message once it is stored, and by which process. */
  onStored: (seq: number, bytes: Uint8Array, by: ProcessClock | undefined) => void = () => undefined;
  /** Hears that messages were purged, and by which process. */
  onPurged: (by: ProcessClock | undefined) => void = () => undefined;
  /** Hears that an append found no room. */
  onFull: () => void = () => undefined;
  readonly followers = new Set<() => void>();
  private readonly ids: string[] = [];
  private readonly seqs = new Map<string, number>();

  get lastSeq(): number {
    return this.history.length;
  }

  /** As JetStream does: what it has by its id already is acknowledged again, whatever else is wrong with it. */
  store(bytes: Uint8Array, id: string, fence: Fence, by?: ProcessClock): AppendResult {
    const known = this.seqs.get(id);
    if (known !== undefined) return { kind: 'stored', seq: known };
    if (this.refuses(fence)) return { kind: 'refused' };
    if (this.bytes + bytes.byteLength > this.maxBytes) {
      this.onFull();
      return { kind: 'unknown', reason: 'maximum bytes exceeded' };
    }
    this.history.push(bytes);
    this.ids.push(id);
    this.seqs.set(id, this.lastSeq);
    this.bytes += bytes.byteLength;
    this.onStored(this.lastSeq, bytes, by);
    for (const hear of this.followers) hear();
    return { kind: 'stored', seq: this.lastSeq };
  }

  private refuses(fence: Fence): boolean {
    if (this.fence === 'none') return false;
    if (fence.lastSeq !== this.lastSeq) return true;
    return this.fence === 'full' && fence.lastId !== null && fence.lastId !== this.ids.at(-1);
  }

  /** The message, or undefined when it was purged or never stored. */
  get(seq: number): Uint8Array | undefined {
    return seq < this.firstSeq ? undefined : this.history[seq - 1];
  }

  purge(seq: number, by?: ProcessClock): void {
    const before = this.firstSeq;
    for (; this.firstSeq < seq && this.firstSeq <= this.lastSeq; this.firstSeq += 1)
      this.bytes -= this.history[this.firstSeq - 1]?.byteLength ?? 0;
    if (this.firstSeq !== before) this.onPurged(by);
  }
}

/** The ledger as one process reaches it. */
export class MemoryLedger implements LedgerPort {
  private readonly log: MemoryLog;
  private readonly process: ProcessClock;
  private readonly faults: () => Faults;
  private readonly prng: Prng;
  private readonly wire: Wire;
  private readonly lane: Lane = { lastMs: 0 };

  constructor(log: MemoryLog, process: ProcessClock, prng: Prng, faults: () => Faults) {
    this.log = log;
    this.process = process;
    this.prng = prng;
    this.faults = faults;
    this.wire = new Wire(process.virtual, prng, faults);
  }

  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult> {
    const refused = this.faults().strikes('ledger.append', 'refused');
    const store = (): AppendResult =>
      refused ? { kind: 'refused' } : this.log.store(bytes, id, fence, this.process);
    return this.wire
      .ask('ledger.append', this.process, TIMEOUT_MS, store, this.lane)
      .catch((error: unknown) => ({ kind: 'unknown', reason: String(error) }));
  }

  async read(fromSeq: number, take: TakeMessage): Promise<number> {
    const found = await this.ask('read', () => {
      const first = Math.max(fromSeq, this.log.firstSeq);
      return { first, messages: this.log.history.slice(first - 1), last: this.log.lastSeq };
    });
    for (const [n, bytes] of found.messages.entries()) await take(found.first + n, bytes);
    return found.last;
  }

  async follow(fromSeq: number, take: TakeMessage, broken: (reason: string) => void): Promise<() => void> {
    const { lastSeq } = await this.usage();
    if (fromSeq > lastSeq + 1) throw new Error(`the ledger ends at ${lastSeq}`);
    const follower = new Follower(this.log, this.process, fromSeq, take, broken);
    const hear = (): void => this.hear(follower, hear);
    follower.onStop = () => this.log.followers.delete(hear);
    this.log.followers.add(hear);
    hear();
    return () => follower.stop();
  }

  get(seq: number): Promise<Uint8Array | undefined> {
    return this.ask('get', () => this.log.get(seq));
  }

  purge(seq: number): Promise<void> {
    return this.ask('purge', () => this.log.purge(seq, this.process));
  }

  usage(): Promise<{ bytes: number; maxBytes: number; lastSeq: number }> {
    return this.ask('usage', () => {
      const { bytes, maxBytes, lastSeq } = this.log;
      return { bytes, maxBytes, lastSeq };
    });
  }

  private ask<T>(what: string, act: () => T): Promise<T> {
    return this.wire.ask(`ledger.${what}`, this.process, TIMEOUT_MS, act);
  }

  /** Tells a follower, after a while, that there may be something for it. */
  private hear(follower: Follower, again: () => void): void {
    const faults = this.faults();
    const late = faults.strikes('ledger.follow', 'late');
    const isBroken = faults.strikes('ledger.follow', 'broken');
    this.process.after(this.prng.between(0, late ? TIMEOUT_MS : 4), () => {
      if (!this.process.online) this.process.after(RECONNECT_MS, again);
      else if (isBroken) follower.break('the subscription is gone');
      else void follower.pump();
    });
  }
}

/** A subscription: hands over what is stored, in order, one after the other. */
class Follower {
  onStop: () => void = () => undefined;
  private readonly log: MemoryLog;
  private readonly process: ProcessClock;
  private readonly take: TakeMessage;
  private readonly broken: (reason: string) => void;
  private nextSeq: number;
  private pumping = false;
  private live = true;

  constructor(
    log: MemoryLog,
    process: ProcessClock,
    fromSeq: number,
    take: TakeMessage,
    broken: (reason: string) => void,
  ) {
    this.log = log;
    this.process = process;
    this.nextSeq = fromSeq === 1 ? log.firstSeq : fromSeq;
    this.take = take;
    this.broken = broken;
  }

  stop(): void {
    this.live = false;
    this.onStop();
  }

  break(reason: string): void {
    if (!this.live) return;
    this.stop();
    this.broken(reason);
  }

  async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.live && this.process.awake && this.nextSeq <= this.log.lastSeq) {
        const bytes = this.log.get(this.nextSeq);
        if (bytes === undefined) return this.break(`${this.nextSeq} was purged`);
        await this.take(this.nextSeq, bytes);
        this.nextSeq += 1;
      }
    } catch (error) {
      this.break(String(error));
    } finally {
      this.pumping = false;
    }
  }
}
