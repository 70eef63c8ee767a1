import { type JobId, type JobTemplate, type StoredJob, type TenantId, type ToolName } from '@zerofleet/model';
import { encodeCommit, encodePage } from '@zerofleet/protocol';
import { describe, expect, it } from 'vitest';
import type { JobRecord } from './job-record.js';
import { PayloadStore } from './payloads.js';
import type { LedgerPort, TimerPort } from './ports.js';
import { ShardState } from './shard-state.js';

const TEMPLATE: JobTemplate = {
  tenant: 't' as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
};
const NEED = { room: { cpuMilli: 1, memoryMiB: 1 }, poolKey: 'p', mode: 'warm', outcomeBytesMax: 0 } as const;
const jobOf = (n: number): StoredJob => ({
  id: `0192f3a0-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
  template: TEMPLATE,
  timeoutMs: 1,
  maxAttempts: 1,
  acceptedAtMs: 0,
  extras: null,
  payload: { kind: 'inline', bytes: 10, payload: { arguments: { n }, files: [] } },
});

class Bench {
  readonly messages = new Map<number, Uint8Array>();
  readonly pages = new Map<number, Uint8Array>();
  reads: string[] = [];
  readonly state = new ShardState({ needOf: () => NEED, changed: () => undefined });
  readonly store: PayloadStore;

  constructor(bytesMax = 0) {
    const read = (what: string, from: Map<number, Uint8Array>) => (at: number) => {
      this.reads.push(`${what} ${at}`);
      return Promise.resolve(from.get(at));
    };
    this.store = new PayloadStore({
      ledger: { get: read('ledger', this.messages) } as Partial<LedgerPort> as LedgerPort,
      timers: { get: read('page', this.pages) } as Partial<TimerPort> as TimerPort,
      bytesMax,
    });
  }

  /** Jobs accepted in the commit at `seq`. */
  accept(seq: number, ...ns: readonly number[]): JobRecord[] {
    const events = ns.map((n) => ({ kind: 'accepted' as const, job: jobOf(n) }));
    this.messages.set(seq, encodeCommit({ v: 2, epoch: 1, batch: seq, atMs: 0, projected: 0, events }));
    return events.map((event) => {
      const record = this.state.apply(event, seq, 0, 1);
      if (record === undefined) throw new Error('no record');
      return record;
    });
  }
}

describe('PayloadStore', () => {
  it('leaves payloads in memory up to its budget, and spills what comes beyond', () => {
    const bench = new Bench(25);
    const records = bench.accept(1, 1, 2, 3);
    for (const record of records) bench.store.settle(bench.state, record);
    expect(records.map(({ payload }) => payload !== null)).toEqual([false, true, true]);
    expect(bench.state.payloadBytes).toBe(20);
  });

  it('reads a message once for jobs that are fetched together, and nothing for one in memory', async () => {
    const bench = new Bench();
    const [kept, ...spilled] = bench.accept(7, 1, 2, 3);
    for (const record of spilled) bench.store.settle(bench.state, record);
    if (kept === undefined) throw new Error('no record');
    const payloads = await Promise.all([kept, ...spilled].map((record) => bench.store.fetch(record)));
    expect(payloads).toEqual([1, 2, 3].map((n) => jobOf(n).payload));
    expect(bench.reads).toEqual(['ledger 7']);
  });

  it('reads a parked job from its page', async () => {
    const bench = new Bench();
    const [record] = bench.accept(7, 1);
    if (record === undefined) throw new Error('no record');
    bench.pages.set(
      5,
      encodePage([
        { job: jobOf(1), state: { kind: 'queued', attemptsStarted: 0, attemptsSpent: 0, dueAtMs: null } },
      ]),
    );
    bench.state.apply({ kind: 'parked', page: 5, ids: [record.id] }, 8, 0, 1);
    bench.store.settle(bench.state, record);
    expect(await bench.store.fetch(record)).toEqual(jobOf(1).payload);
    expect(bench.reads).toEqual(['page 5']);
  });

  it('breaks where the message is gone or holds other jobs, and reads again the next time', async () => {
    const bench = new Bench();
    const [record] = bench.accept(7, 1);
    if (record === undefined) throw new Error('no record');
    bench.store.settle(bench.state, record);
    const message = bench.messages.get(7) ?? new Uint8Array();
    bench.messages.delete(7);
    await expect(bench.store.fetch(record)).rejects.toThrow('there is no message at 7');
    const other = new Bench();
    other.accept(7, 2);
    bench.messages.set(7, other.messages.get(7) ?? new Uint8Array());
    await expect(bench.store.fetch(record)).rejects.toThrow('does not hold');
    bench.messages.set(7, message);
    expect(await bench.store.fetch(record)).toEqual(jobOf(1).payload);
  });

  it('keeps a bounded number of messages', async () => {
    const bench = new Bench();
    const records = Array.from({ length: 20 }, (_, n) => bench.accept(n + 1, n)).flat();
    for (const record of records) bench.store.settle(bench.state, record);
    for (const record of records) await bench.store.fetch(record);
    bench.reads = [];
    await bench.store.fetch(records[19] as JobRecord);
    expect(bench.reads).toEqual([]);
    await bench.store.fetch(records[0] as JobRecord);
    expect(bench.reads).toEqual(['ledger 1']);
  });
});
