/**
 * The ledger port, in memory and on a real NATS server: what the simulation runs on must behave as production does.
 * The real one is also killed and started again.
 */
import {
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureStreams, NatsLedger, type AppendResult, type LedgerPort } from '@zerofleet/coordinator';
import type { ShardId } from '@zerofleet/model';
import { shardNames, type ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import { MemoryLedger, MemoryLog, NO_FAULTS } from '@zerofleet/testkit';
import { eventually } from '../fleet/eventually.js';
import { Brokers } from './brokers.js';
import { memoryBench } from './memory.js';

/** A fresh ledger and what a test may do to its surroundings. */
interface Bench {
  readonly ledger: LedgerPort;
  /** Lets time pass where it does not pass by itself. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

const fail = (reason: string): void => {
  throw new Error(`broken: ${reason}`);
};

/** Takes messages, each for a turn of the event loop, and says whether two were ever under way at once. */
const slowTaker = () => {
  const seqs: number[] = [];
  const waiting: { readonly seq: number; readonly resolve: () => void }[] = [];
  let under = 0;
  let overlapped = false;
  const take = async (seq: number): Promise<void> => {
    under += 1;
    overlapped ||= under > 1;
    await new Promise((resolve) => setImmediate(resolve));
    under -= 1;
    seqs.push(seq);
    for (const waiter of waiting) if (waiter.seq <= seq) waiter.resolve();
  };
  const until = (seq: number): Promise<void> =>
    new Promise((resolve) => {
      if ((seqs.at(-1) ?? 0) >= seq) resolve();
      else waiting.push({ seq, resolve });
    });
  return { take, seqs, until, overlaps: () => overlapped };
};

const text = (n: number): Buffer => Buffer.from(`commit ${n}`);
const kinds = (results: readonly AppendResult[]): string[] => results.map((result) => result.kind);

const conformance = (name: string, open: () => Promise<Bench>): void => {
  describe(name, () => {
    const append = (
      { ledger }: Bench,
      n: number,
      lastSeq: number,
      lastId: string | null,
      by = 'a',
    ): Promise<AppendResult> => ledger.append(text(n), `1.${by}.${n}`, { lastSeq, lastId });
    const fill = async (bench: Bench, count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1)
        expect(await bench.settle(append(bench, n, n, n === 0 ? null : `1.a.${n - 1}`))).toEqual({
          kind: 'stored',
          seq: n + 1,
        });
    };
    const readFrom = async (bench: Bench, seq: number): Promise<{ last: number; found: string[] }> => {
      const found: string[] = [];
      const last = await bench.settle(
        bench.ledger.read(seq, (at, bytes) => {
          found.push(`${at} ${Buffer.from(bytes).toString()}`);
        }),
      );
      return { last, found };
    };

    it('is empty at first', async () => {
      expect(await readFrom(await open(), 1)).toEqual({ last: 0, found: [] });
    });

    it('stores a pipeline in order and reads it from anywhere', async () => {
      const bench = await open();
      const pipeline = [0, 1, 2, 3].map((n) => append(bench, n, n, n === 0 ? null : `1.a.${n - 1}`));
      expect(kinds(await bench.settle(Promise.all(pipeline)))).toEqual([
        'stored',
        'stored',
        'stored',
        'stored',
      ]);
      expect(await readFrom(bench, 3)).toEqual({ last: 4, found: ['3 commit 2', '4 commit 3'] });
      expect(await readFrom(bench, 5)).toEqual({ last: 4, found: [] });
    });

    it('refuses a wrong sequence and a wrong id, and everything pipelined behind', async () => {
      const bench = await open();
      await fill(bench, 2);
      const behind = [
        append(bench, 7, 9, '1.a.1'),
        append(bench, 8, 10, '1.a.7'),
        append(bench, 9, 2, '1.b.1'),
      ];
      expect(kinds(await bench.settle(Promise.all(behind)))).toEqual(['refused', 'refused', 'refused']);
      expect((await readFrom(bench, 1)).last).toBe(2);
    });

    it("refuses what was pipelined behind a lost append when another's message took its place", async () => {
      const bench = await open();
      await fill(bench, 2);
      // Append 2 of leader a never arrives; leader b is elected in its place; append 3 of leader a arrives.
      expect(await bench.settle(append(bench, 2, 2, null, 'b'))).toEqual({ kind: 'stored', seq: 3 });
      expect(await bench.settle(append(bench, 3, 3, '1.a.2'))).toEqual({ kind: 'refused' });
    });

    it('keeps sequence and fence through a purge', async () => {
      const bench = await open();
      await fill(bench, 5);
      await bench.settle(bench.ledger.purge(5));
      expect(await readFrom(bench, 1)).toEqual({ last: 5, found: ['5 commit 4'] });
      expect(await bench.settle(append(bench, 5, 5, '1.a.3'))).toEqual({ kind: 'refused' });
      expect(await bench.settle(append(bench, 5, 5, '1.a.4'))).toEqual({ kind: 'stored', seq: 6 });
    });

    it('says what it holds', async () => {
      const bench = await open();
      await fill(bench, 3);
      expect((await bench.settle(bench.ledger.usage())).lastSeq).toBe(3);
    });

    it('finds one message, and none where it was purged or never stored', async () => {
      const bench = await open();
      await fill(bench, 3);
      await bench.settle(bench.ledger.purge(2));
      const found = async (seq: number): Promise<string | undefined> => {
        const bytes = await bench.settle(bench.ledger.get(seq));
        return bytes === undefined ? undefined : Buffer.from(bytes).toString();
      };
      expect([await found(1), await found(2), await found(4)]).toEqual([undefined, 'commit 1', undefined]);
    });

    it('waits in a read for what takes a message', async () => {
      const bench = await open();
      await fill(bench, 20);
      const { take, seqs, overlaps } = slowTaker();
      expect(await bench.settle(bench.ledger.read(1, take))).toBe(20);
      expect(seqs).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
      expect(overlaps()).toBe(false);
    });

    it('follows: what is stored already, then what is stored as it is, in order, one after the other', async () => {
      const bench = await open();
      await fill(bench, 3);
      const { take, seqs, overlaps, until } = slowTaker();
      const stop = await bench.settle(bench.ledger.follow(2, take, fail));
      await bench.settle(until(3));
      for (const n of [3, 4, 5]) await bench.settle(append(bench, n, n, `1.a.${n - 1}`));
      await bench.settle(until(6));
      stop();
      expect(seqs).toEqual([2, 3, 4, 5, 6]);
      expect(overlaps()).toBe(false);
    });

    it('hands over nothing more once it was told to stop', async () => {
      const bench = await open();
      const [stopped, other] = [slowTaker(), slowTaker()];
      const stop = await bench.settle(bench.ledger.follow(1, stopped.take, fail));
      const stopOther = await bench.settle(bench.ledger.follow(1, other.take, fail));
      await fill(bench, 2);
      await bench.settle(stopped.until(2));
      stop();
      await bench.settle(append(bench, 2, 2, '1.a.1'));
      await bench.settle(other.until(3));
      await bench.settle(bench.ledger.usage());
      stopOther();
      expect(stopped.seqs).toEqual([1, 2]);
    });

    it('follows from 1 what a purge left, but says that it broke where it would miss a message', async () => {
      const bench = await open();
      await fill(bench, 5);
      await bench.settle(bench.ledger.purge(4));
      const whole = slowTaker();
      const stop = await bench.settle(bench.ledger.follow(1, whole.take, fail));
      await bench.settle(whole.until(5));
      stop();
      expect(whole.seqs).toEqual([4, 5]);
      const late = slowTaker();
      const reasons: string[] = [];
      await bench.settle(
        new Promise<void>((resolve, reject) => {
          const broken = (reason: string): void => {
            reasons.push(reason);
            resolve();
          };
          bench.ledger.follow(2, late.take, broken).catch(reject);
        }),
      );
      expect({ taken: late.seqs, broken: reasons.length }).toEqual({ taken: [], broken: 1 });
    });
  });
};

conformance('ledger in memory', async () => {
  const { prng, newProcess, settle } = memoryBench();
  return { ledger: new MemoryLedger(new MemoryLog(), newProcess(), prng, () => NO_FAULTS), settle };
});

describe('on a real server', () => {
  const brokers = new Brokers();
  let connection: NatsConnection;

  const openShard = async (
    over = connection,
  ): Promise<{ ledger: LedgerPort; manager: JetStreamManager; names: ShardNames }> => {
    const { manager, names } = await brokers.newShard(over);
    return { ledger: new NatsLedger(over, { manager, looks: manager }, names), manager, names };
  };
  const fill = async (ledger: LedgerPort, from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1)
      await ledger.append(text(n), `1.a.${n}`, { lastSeq: n, lastId: n === 0 ? null : `1.a.${n - 1}` });
  };
  /** A follower, and a promise of the reasons it gave once it broke. */
  const follow = async (ledger: LedgerPort, from: number) => {
    const taker = slowTaker();
    const reasons: string[] = [];
    const stop = await ledger.follow(from, taker.take, (reason) => reasons.push(reason));
    const broken = () =>
      eventually('broken', () => Promise.resolve(reasons.length > 0 ? reasons : undefined));
    return { ...taker, reasons, broken, stop };
  };

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
  }, 120_000);
  afterAll(() => brokers.stop());

  conformance('ledger on NATS', async () => ({
    ledger: (await openShard()).ledger,
    settle: (work) => work,
  }));

  it('fences by id also after kill -9 and restart', async () => {
    const { ledger } = await openShard();
    const first = await ledger.append(text(0), '1.a.0', { lastSeq: 0, lastId: null });
    expect(first).toEqual({ kind: 'stored', seq: 1 });
    await brokers.kill('nats');
    brokers.startNats();
    const answer = async (lastId: string): Promise<AppendResult> => {
      for (;;) {
        const result = await ledger.append(text(1), '1.a.1', { lastSeq: 1, lastId });
        if (result.kind !== 'unknown') return result;
      }
    };
    expect(await answer('1.b.0')).toEqual({ kind: 'refused' });
    expect(await answer('1.a.0')).toEqual({ kind: 'stored', seq: 2 });
  });

  it('reads and follows messages of half a MiB, more of them than the server keeps for a slow client', async () => {
    const { ledger } = await openShard();
    const [count, bytes] = [160, Buffer.alloc(512 * 1024, 'x')];
    for (let n = 0; n < count; n += 1)
      await ledger.append(bytes, `1.a.${n}`, { lastSeq: n, lastId: n === 0 ? null : `1.a.${n - 1}` });
    const read = slowTaker();
    expect(await ledger.read(1, read.take)).toBe(count);
    expect(read.seqs.length).toBe(count);
    const followed = await follow(ledger, 1);
    await followed.until(count);
    followed.stop();
    expect(followed.reasons).toEqual([]);
  });

  it('says once that it broke when its consumer is taken away', async () => {
    const { ledger, manager, names } = await openShard();
    await fill(ledger, 0, 2);
    const follower = await follow(ledger, 1);
    await follower.until(2);
    for await (const { name } of manager.consumers.list(names.ledgerStream))
      await manager.consumers.delete(names.ledgerStream, name);
    expect(await follower.broken()).toHaveLength(1);
    await fill(ledger, 2, 1);
    expect(follower.seqs).toEqual([1, 2]);
    expect(follower.reasons).toHaveLength(1);
  });

  it('says once that it broke when its connection is closed', async () => {
    const own = await brokers.connect();
    const { ledger } = await openShard(own);
    await fill(ledger, 0, 1);
    const follower = await follow(ledger, 1);
    await follower.until(1);
    await own.close();
    expect(await follower.broken()).toHaveLength(1);
  });

  it('follows through kill -9 of the server without a hole, or says that it broke', async () => {
    const { ledger } = await openShard();
    await fill(ledger, 0, 3);
    const first = await follow(ledger, 1);
    await first.until(3);
    await brokers.kill('nats');
    brokers.startNats();
    const stored = async (): Promise<true | undefined> =>
      (await ledger.append(text(3), '1.a.3', { lastSeq: 3, lastId: null })).kind === 'unknown'
        ? undefined
        : true;
    await eventually('the server', stored, 60_000);
    await fill(ledger, 4, 2);
    const seen = async (): Promise<true | undefined> => {
      if (first.seqs.at(-1) === 6) return true;
      if (first.reasons.length === 0) return undefined;
      const next = await follow(ledger, (first.seqs.at(-1) ?? 0) + 1);
      await next.until(6);
      next.stop();
      first.seqs.push(...next.seqs);
      return true;
    };
    await eventually('all messages', seen, 90_000);
    first.stop();
    expect(first.seqs).toEqual([1, 2, 3, 4, 5, 6]);
  }, 180_000);

  it('does not follow from beyond the end: what was seen before is gone', async () => {
    const { ledger } = await openShard();
    await fill(ledger, 0, 1);
    await expect(ledger.follow(3, () => undefined, fail)).rejects.toThrow('ends at 1');
  });

  it('takes over the streams of the release before, with what they hold', async () => {
    const manager = await jetstreamManager(connection);
    const names = shardNames('old' as ShardId);
    const old = {
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_bytes: 1e7,
      num_replicas: 1,
    };
    const { ledgerStream, ledgerSubject, outcomesStream, outcomesAll } = names;
    await manager.streams.add({
      ...{ ...old, name: ledgerStream, subjects: [ledgerSubject] },
      discard: DiscardPolicy.New,
    });
    await manager.streams.add({
      ...{ ...old, name: outcomesStream, subjects: [outcomesAll], discard: DiscardPolicy.Old },
      ...{ max_age: 6e13, max_msgs_per_subject: 1, allow_direct: true },
    });
    await new NatsLedger(connection, { manager, looks: manager }, names).append(text(0), '1.a.0', {
      lastSeq: 0,
      lastId: null,
    });
    for (const maxBytes of [1e7, 2e7]) {
      const settings = { ledgerMaxBytes: maxBytes, outcomesMaxBytes: maxBytes, outcomesMaxAgeMs: 120_000 };
      await ensureStreams(connection, names, {
        replicas: 1,
        ...settings,
        timersMaxBytes: maxBytes,
        deadMaxBytes: 1e6,
      });
    }
    const ledger = new NatsLedger(connection, { manager, looks: manager }, names);
    expect(await ledger.usage()).toMatchObject({ maxBytes: 2e7, lastSeq: 1 });
    expect(await ledger.append(text(1), '1.a.1', { lastSeq: 1, lastId: '1.a.0' })).toMatchObject({
      kind: 'stored',
    });
    expect((await manager.streams.info(outcomesStream)).config.max_age).toBe(120_000 * 1e6);
    expect((await manager.streams.info(names.timersStream)).config.max_bytes).toBe(2e7);
  });
});
