/** The pipeline over a ledger whose answers a test gives one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMIT_BYTES_MAX, COMMIT_EVENTS_MAX, type JobId } from '@zerofleet/model';
import { decodeCommit, encodeCommit, type LedgerEvent } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { CommitPipeline } from './commit-pipeline.js';
import { commitId } from './election.js';
import type { AppendResult, Fence, LedgerPort } from './ports.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const EPOCH = 4;
const TAIL = 10;
const id = (n: number): JobId => `0192f3a0-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId;
const event = (n: number): LedgerEvent => ({ kind: 'cancel_requested', id: id(n) });

interface Sent {
  readonly bytes: Uint8Array;
  readonly id: string;
  readonly fence: Fence;
  readonly answer: (result: AppendResult) => void;
}

class Bench {
  readonly sent: Sent[] = [];
  /** What a read finds behind the tail: by sequence, or 'unreadable'. */
  tail: { last: number; found: [number, Uint8Array][] } | 'unreadable' = { last: TAIL, found: [] };
  readonly reads: number[] = [];
  readonly done: number[] = [];
  readonly storedSeqs: number[] = [];
  readonly lost: string[] = [];
  readonly trouble: (string | null)[] = [];
  private timers: (() => void)[] = [];
  readonly pipeline: CommitPipeline;

  constructor(window = 2) {
    const ledger: LedgerPort = {
      append: (bytes, messageId, fence) =>
        new Promise((resolve) => this.sent.push({ bytes, id: messageId, fence, answer: resolve })),
      read: (from, take) => {
        this.reads.push(from);
        if (this.tail === 'unreadable') return Promise.reject(new Error('unreadable'));
        for (const [seq, bytes] of this.tail.found) if (seq >= from) void take(seq, bytes);
        return Promise.resolve(this.tail.last);
      },
      purge: () => Promise.resolve(),
      follow: () => Promise.resolve(() => undefined),
      get: () => Promise.resolve(undefined),
      usage: () => Promise.resolve({ bytes: 0, maxBytes: 1, lastSeq: 0 }),
    };
    const clock: Clock = {
      nowMs: () => 0,
      wallMs: () => 1_700_000_000_000,
      after: (_delayMs, fire) => {
        this.timers.push(fire);
        return () => undefined;
      },
    };
    this.pipeline = new CommitPipeline({
      ledger,
      clock,
      epoch: EPOCH,
      leader: 'me',
      tailSeq: TAIL,
      window,
      recoverPauseMs: 1,
      format: () => 2,
      projected: () => 3,
      onStored: (seq) => this.storedSeqs.push(seq),
      onLost: (reason) => this.lost.push(reason),
      onTrouble: (reason) => this.trouble.push(reason),
    });
  }

  /** Stages event `n` and lets the turn end. */
  async stage(...numbers: number[]): Promise<void> {
    for (const n of numbers) this.pipeline.stage([event(n)], () => this.done.push(n));
    await settled();
  }

  async answer(n: number, result: AppendResult | 'stored'): Promise<void> {
    const seq = (this.sent[n]?.fence.lastSeq ?? 0) + 1;
    this.sent[n]?.answer(result === 'stored' ? { kind: 'stored', seq } : result);
    await settled();
  }

  /** Lets the pause before a read pass. */
  async pass(): Promise<void> {
    const due = this.timers;
    this.timers = [];
    for (const fire of due) fire();
    await settled();
  }

  eventsOf(n: number): readonly LedgerEvent[] {
    const commit = decodeCommit(this.sent[n]?.bytes ?? new Uint8Array());
    if (!commit.ok) throw new Error(commit.reason);
    return commit.value.events;
  }

  bytesOf(n: number): Uint8Array {
    return this.sent[n]?.bytes ?? new Uint8Array();
  }
}

const UNKNOWN: AppendResult = { kind: 'unknown', reason: 'no answer' };
const REFUSED: AppendResult = { kind: 'refused' };
const foreign = (epoch: number, batch: number): Uint8Array =>
  encodeCommit({ v: 2, epoch, batch, atMs: 1, projected: 0, events: [] });

describe('group commit', () => {
  it('sends what one turn staged as one message, behind the message before', async () => {
    const bench = new Bench();
    await bench.stage(1, 2, 3);
    expect(bench.sent).toHaveLength(1);
    expect(bench.eventsOf(0)).toEqual([event(1), event(2), event(3)]);
    expect(bench.sent[0]).toMatchObject({
      id: '4.me.1',
      fence: { lastSeq: TAIL, lastId: commitId(EPOCH, 'me', 0) },
    });
    await bench.stage(4);
    expect(bench.sent[1]).toMatchObject({ id: '4.me.2', fence: { lastSeq: TAIL + 1, lastId: '4.me.1' } });
  });

  it('grows only while as many are in flight as may be', async () => {
    const bench = new Bench(2);
    await bench.stage(1);
    await bench.stage(2);
    await bench.stage(3);
    await bench.stage(4, 5);
    expect(bench.sent).toHaveLength(2);
    await bench.answer(0, 'stored');
    expect(bench.sent).toHaveLength(3);
    expect(bench.eventsOf(2)).toEqual([event(3), event(4), event(5)]);
  });

  it('waits for no answer once the connection is lost, and drops one that comes all the same', async () => {
    const bench = new Bench();
    await bench.stage(1);
    await bench.stage(2);
    bench.pipeline.linkLost();
    expect(bench.pipeline.healthy).toBe(false);
    bench.tail = { last: TAIL + 1, found: [[TAIL + 1, bench.bytesOf(0)]] };
    await bench.pass();
    expect(bench.done).toEqual([1]);
    expect(bench.sent[2]).toMatchObject({ id: '4.me.2', bytes: bench.bytesOf(1) });
    await bench.answer(1, REFUSED);
    expect(bench.pipeline.healthy).toBe(true);
    await bench.answer(2, 'stored');
    expect(bench.done).toEqual([1, 2]);
    bench.pipeline.linkLost();
    expect(bench.pipeline.healthy).toBe(true);
  });

  it('runs effects after storing, in the order of staging, whichever answer comes first', async () => {
    const bench = new Bench(3);
    await bench.stage(1, 2);
    await bench.stage(3);
    await bench.stage(4);
    expect(bench.done).toEqual([]);
    await bench.answer(2, 'stored');
    await bench.answer(1, 'stored');
    expect(bench.done).toEqual([]);
    expect(bench.pipeline.tailSeq).toBe(TAIL);
    await bench.answer(0, 'stored');
    expect(bench.done).toEqual([1, 2, 3, 4]);
    expect(bench.pipeline.tailSeq).toBe(TAIL + 3);
    expect(bench.storedSeqs).toEqual([TAIL + 1, TAIL + 2, TAIL + 3]);
    expect(bench.pipeline.backlog).toBe(0);
  });

  it('keeps within its limits of events and bytes, and tells each event its true place', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 0, max: 700 }), async (big, small) => {
        const bench = new Bench(1);
        const places: number[] = [];
        const put = (leader: string): void => {
          const elected: LedgerEvent = { kind: 'elected', epoch: EPOCH, leader, format: 2 };
          places.push(bench.pipeline.stage([elected], () => undefined).seq);
        };
        for (const size of big) put('x'.repeat(size));
        for (let n = 0; n < small; n += 1) put('y');
        await settled();
        const seen: number[] = [];
        for (let n = 0; n < bench.sent.length; n += 1) {
          expect(bench.bytesOf(n).byteLength).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
          expect(bench.eventsOf(n).length).toBeLessThanOrEqual(COMMIT_EVENTS_MAX);
          seen.push(...bench.eventsOf(n).map(() => TAIL + 1 + n));
          await bench.answer(n, 'stored');
        }
        expect(places).toEqual(seen);
        expect(bench.pipeline.backlog).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('does not split what is staged together', async () => {
    const bench = new Bench(1);
    await bench.stage(0);
    for (let n = 1; n < COMMIT_EVENTS_MAX; n += 1) bench.pipeline.stage([event(n)], () => undefined);
    bench.pipeline.stage([event(900), event(901)], () => undefined);
    await settled();
    await bench.answer(0, 'stored');
    await bench.answer(1, 'stored');
    expect(bench.eventsOf(1)).toHaveLength(COMMIT_EVENTS_MAX - 1);
    expect(bench.eventsOf(2)).toEqual([event(900), event(901)]);
  });

  it('is drained when everything staged is stored', async () => {
    const bench = new Bench();
    let drained = false;
    await bench.stage(1);
    void bench.pipeline.drained().then(() => (drained = true));
    await bench.stage(2);
    await bench.answer(0, 'stored');
    expect(drained).toBe(false);
    await bench.answer(1, 'stored');
    expect(drained).toBe(true);
  });

  it('closed, sends nothing more and runs no effect', async () => {
    const bench = new Bench(1);
    await bench.stage(1);
    await bench.stage(2);
    bench.pipeline.close();
    await bench.answer(0, 'stored');
    await bench.pipeline.drained();
    expect(bench.sent).toHaveLength(1);
    expect(bench.done).toEqual([]);
  });
});

describe('recovery', () => {
  it('waits for what is in flight before it reads, and sends nothing meanwhile', async () => {
    const bench = new Bench(2);
    await bench.stage(1);
    await bench.stage(2);
    await bench.answer(0, UNKNOWN);
    expect(bench.pipeline.healthy).toBe(false);
    await bench.stage(3);
    await bench.pass();
    expect(bench.reads).toEqual([]);
    await bench.answer(1, REFUSED);
    await bench.pass();
    expect(bench.reads).toEqual([TAIL + 1]);
    expect(bench.trouble).toEqual(['no answer', null]);
  });

  it('knows its own batch in the ledger: its effect runs once and it is not sent again', async () => {
    const bench = new Bench(2);
    await bench.stage(1);
    await bench.stage(2);
    bench.tail = { last: TAIL + 1, found: [[TAIL + 1, bench.bytesOf(0)]] };
    await bench.answer(0, UNKNOWN);
    await bench.answer(1, REFUSED);
    await bench.pass();
    expect(bench.done).toEqual([1]);
    expect(bench.sent.slice(2).map((one) => one.id)).toEqual(['4.me.2']);
    await bench.answer(2, 'stored');
    expect(bench.done).toEqual([1, 2]);
    expect(bench.lost).toEqual([]);
  });

  it('takes a batch for stored whose answer was lost and whose follower was acknowledged', async () => {
    const bench = new Bench(2);
    await bench.stage(1);
    await bench.stage(2);
    const found = [0, 1].map((n): [number, Uint8Array] => [TAIL + 1 + n, bench.bytesOf(n)]);
    bench.tail = { last: TAIL + 2, found };
    await bench.answer(0, UNKNOWN);
    await bench.answer(1, 'stored');
    expect(bench.done).toEqual([]);
    await bench.pass();
    expect(bench.done).toEqual([1, 2]);
    expect(bench.lost).toEqual([]);
    expect(bench.sent).toHaveLength(2);
  });

  it('sends what is not there again: the same bytes, id and place', async () => {
    const bench = new Bench(2);
    await bench.stage(1);
    await bench.stage(2);
    await bench.answer(0, UNKNOWN);
    await bench.answer(1, UNKNOWN);
    await bench.stage(3);
    await bench.pass();
    for (const n of [0, 1]) {
      expect(bench.bytesOf(n + 2)).toEqual(bench.bytesOf(n));
      expect(bench.sent[n + 2]).toMatchObject({ id: bench.sent[n]?.id, fence: bench.sent[n]?.fence });
    }
    for (const n of [2, 3, 4]) await bench.answer(n, 'stored');
    expect(bench.done).toEqual([1, 2, 3]);
    expect(bench.pipeline.healthy).toBe(true);
  });

  it('tries on while the ledger cannot be read', async () => {
    const bench = new Bench();
    bench.tail = 'unreadable';
    await bench.stage(1);
    await bench.answer(0, UNKNOWN);
    await bench.pass();
    await bench.pass();
    expect(bench.reads).toHaveLength(2);
    expect(bench.pipeline.healthy).toBe(false);
    bench.tail = { last: TAIL, found: [] };
    await bench.pass();
    await bench.answer(1, 'stored');
    expect(bench.done).toEqual([1]);
  });

  it.each([
    ["another's message in its place", (): Uint8Array => foreign(EPOCH + 1, 0)],
    ['another batch of its own epoch in its place', (): Uint8Array => foreign(EPOCH, 2)],
    ['something that it cannot read', (): Uint8Array => Buffer.from('{"v":99}')],
  ])('ends the reign at %s', async (_what, bytes) => {
    const bench = new Bench();
    await bench.stage(1);
    bench.tail = { last: TAIL + 1, found: [[TAIL + 1, bytes()]] };
    await bench.answer(0, REFUSED);
    await bench.pass();
    expect(bench.lost).toHaveLength(1);
    expect(bench.done).toEqual([]);
    await bench.stage(2);
    expect(bench.sent).toHaveLength(1);
  });

  it("ends the reign at another's message behind its own batches", async () => {
    const bench = new Bench();
    await bench.stage(1);
    const found: [number, Uint8Array][] = [
      [TAIL + 1, bench.bytesOf(0)],
      [TAIL + 2, foreign(EPOCH + 1, 0)],
    ];
    bench.tail = { last: TAIL + 2, found };
    await bench.answer(0, UNKNOWN);
    await bench.pass();
    expect(bench.lost).toHaveLength(1);
    expect(bench.done).toEqual([1]);
  });

  it('ends the reign at a ledger that is shorter than what was acknowledged', async () => {
    const bench = new Bench();
    await bench.stage(1);
    await bench.answer(0, 'stored');
    await bench.stage(2);
    bench.tail = { last: TAIL, found: [] };
    await bench.answer(1, UNKNOWN);
    await bench.pass();
    expect(bench.lost).toEqual([`the ledger ends at ${TAIL}, ${TAIL + 1} was acknowledged`]);
  });

  it('is over when the pipeline is closed', async () => {
    const bench = new Bench();
    await bench.stage(1);
    await bench.answer(0, UNKNOWN);
    bench.pipeline.close();
    await bench.pass();
    expect(bench.reads).toEqual([]);
    expect(bench.lost).toEqual([]);
  });

  it('ends with every effect run once and in order, whatever happened to the appends', async () => {
    const fate = fc.constantFrom('stored', 'lost', 'unanswered');
    const plan = fc.array(fc.record({ fate, more: fc.nat(3) }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 4 }), async (steps, window) => {
        const bench = new Bench(window);
        const server: Sent[] = [];
        let staged = 0;
        let answered = 0;
        let turns = 0;
        const arrive = async (one: Sent, fateOf: 'stored' | 'lost' | 'unanswered'): Promise<void> => {
          const tailId = server.at(-1)?.id ?? commitId(EPOCH, 'me', 0);
          const fits = one.fence.lastSeq === TAIL + server.length && one.fence.lastId === tailId;
          if (fits && fateOf !== 'lost') server.push(one);
          bench.tail = { last: TAIL + server.length, found: server.map((s, n) => [TAIL + 1 + n, s.bytes]) };
          if (fateOf !== 'stored') one.answer(UNKNOWN);
          else one.answer(fits ? { kind: 'stored', seq: TAIL + server.length } : REFUSED);
          await settled();
        };
        for (const step of steps) {
          for (let n = 0; n < step.more; n += 1)
            bench.pipeline.stage(
              [event(staged)],
              (
                (no) => () =>
                  bench.done.push(no)
              )(staged++),
            );
          await settled();
          const next = bench.sent[answered];
          if (next !== undefined) {
            answered += 1;
            await arrive(next, step.fate);
          }
          await bench.pass();
        }
        while (bench.pipeline.backlog > 0 && bench.lost.length === 0) {
          expect((turns += 1), 'the pipeline stands still').toBeLessThan(1_000);
          const next = bench.sent[answered];
          if (next === undefined) await bench.pass();
          else {
            answered += 1;
            await arrive(next, 'stored');
          }
        }
        expect(bench.lost).toEqual([]);
        expect(bench.done).toEqual(Array.from({ length: staged }, (_, n) => n));
        const stored = server.flatMap((one) => {
          const commit = decodeCommit(one.bytes);
          return commit.ok ? commit.value.events : [];
        });
        expect(stored).toEqual(bench.done.map((n) => event(n)));
      }),
      { numRuns: 300 },
    );
  });
});
