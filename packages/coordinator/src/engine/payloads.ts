/**
 * Payloads of queued jobs: in memory up to a budget, beyond it only in the message that holds the job on disk.
 *
 * B1  A payload leaves memory only after the message at the job's home is acknowledged.
 * B2  A fetch reads the home as it is when it is made; jobs of one message cost one read when they are fetched together.
 */
import type { JobId, PayloadRef } from '@zerofleet/model';
import { decodeCommit, decodePage } from '@zerofleet/protocol';
import type { JobRecord } from './job-record.js';
import type { LedgerPort, TimerPort } from './ports.js';
import type { ShardState } from './shard-state.js';

/** Messages whose payloads are kept after a fetch: jobs of a message are dispatched one after the other. */
const FETCHED_MAX = 16;

type Payloads = ReadonlyMap<JobId, PayloadRef>;

export class PayloadStore {
  private readonly ledger: LedgerPort;
  private readonly timers: TimerPort;
  private readonly bytesMax: number;
  private readonly fetched = new Map<number, Promise<Payloads>>();

  constructor(options: {
    readonly ledger: LedgerPort;
    readonly timers: TimerPort;
    /** Bytes of inline payloads in memory, at most. */
    readonly bytesMax: number;
  }) {
    this.ledger = options.ledger;
    this.timers = options.timers;
    this.bytesMax = options.bytesMax;
  }

  /** Spills a job that was just committed when memory is full. */
  settle(state: ShardState, record: JobRecord): void {
    if (record.payloadBytes > 0 && state.payloadBytes > this.bytesMax) state.spill(record);
  }

  /** The payload of a job. Throws on broken IO, or when its home does not hold it: then the job moved meanwhile. */
  async fetch(record: JobRecord): Promise<PayloadRef> {
    if (record.payload !== null) return record.payload;
    const { home } = record;
    const payload = (await this.load(home)).get(record.id);
    if (payload === undefined) {
      this.fetched.delete(home);
      throw new Error(`the message at ${home} does not hold ${record.id}`);
    }
    return payload;
  }

  private load(home: number): Promise<Payloads> {
    const known = this.fetched.get(home);
    if (known !== undefined) return known;
    const loading = this.read(home);
    this.fetched.set(home, loading);
    loading.catch(() => this.fetched.delete(home));
    const [oldest] = this.fetched.keys();
    if (this.fetched.size > FETCHED_MAX && oldest !== undefined) this.fetched.delete(oldest);
    return loading;
  }

  private async read(home: number): Promise<Payloads> {
    const bytes = await (home < 0 ? this.timers.get(-home) : this.ledger.get(home));
    if (bytes === undefined) throw new Error(`there is no message at ${home}`);
    const payloads = new Map<JobId, PayloadRef>();
    if (home < 0) {
      const page = decodePage(bytes);
      if (!page.ok) throw new Error(page.reason);
      for (const { job } of page.value) payloads.set(job.id, job.payload);
      return payloads;
    }
    const commit = decodeCommit(bytes);
    if (!commit.ok) throw new Error(commit.reason);
    for (const event of commit.value.events)
      if (event.kind === 'accepted' || event.kind === 'carried')
        payloads.set(event.job.id, event.job.payload);
    return payloads;
  }
}
