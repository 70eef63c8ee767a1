/**
 * The outcome port: one suite for every implementation, and what the real one goes through: an index that is behind,
 * flushed, written by two, full, ahead of its stream or away. Whatever happens, what was projected is never "none".
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DeadLetters,
  indexKeys,
  OutcomeIndexer,
  OutcomeStore,
  type KeyLookup,
  type OutcomeLookup,
  type OutcomePort,
} from '@zerofleet/coordinator';
import type { TenantId } from '@zerofleet/model';
import type { LedgerFormat, OutcomeBatch, OutcomeRecord } from '@zerofleet/protocol';
import { newJobId, silentLogger, systemClock, type NatsConnection, type Redis } from '@zerofleet/runtime';
import { MemoryOutcomes, MemoryOutcomeStore } from '@zerofleet/testkit';
import { eventually } from '../fleet/eventually.js';
import { Brokers, type TestShard } from './brokers.js';
import { memoryBench } from './memory.js';
import { ACME, batchOf, idOf, OTHER, recordOf } from './records.js';

/** Outcomes as their writer and as another replica sees them. */
interface Bench {
  readonly writer: OutcomePort;
  readonly reader: OutcomePort;
  /** Lets time pass where it does not pass by itself. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

const conformance = (name: string, open: () => Promise<Bench>): void => {
  describe(name, () => {
    /** What a look says once the index has come so far. */
    const look = async <T extends OutcomeLookup | KeyLookup>(
      { settle }: Bench,
      ask: () => Promise<T>,
    ): Promise<T> => {
      for (let tries = 0; tries < 1_000; tries += 1) {
        const found = await settle(ask());
        if (found.kind !== 'rebuilding') return found;
      }
      throw new Error('the index does not come');
    };

    it.each<LedgerFormat>([1, 2])(
      'finds what was projected in format %d, for its tenant only',
      async (format) => {
        const bench = await open();
        const { writer, reader, settle } = bench;
        const records = [recordOf(), recordOf({ tenant: OTHER }), recordOf()];
        await settle(writer.project(batchOf(7, ...records), format));
        for (const record of records) {
          const { tenant, id } = record.job;
          for (const port of [writer, reader])
            expect(await look(bench, () => port.find(tenant, id))).toEqual({ kind: 'found', record });
          const others = tenant === ACME ? OTHER : ACME;
          expect(await look(bench, () => reader.find(others, id))).toEqual({ kind: 'none' });
        }
        expect(await look(bench, () => reader.find(ACME, newJobId()))).toEqual({ kind: 'none' });
      },
    );

    it('changes nothing when outcomes are projected again', async () => {
      const bench = await open();
      const { writer, reader, settle } = bench;
      const records = [recordOf({ key: 'k' }), recordOf()];
      for (const order of [records, records, [...records].reverse()]) {
        await settle(writer.project(batchOf(3, ...order), 2));
        for (const record of records)
          expect(await look(bench, () => reader.find(ACME, idOf(record)))).toEqual({ kind: 'found', record });
      }
    });

    it('knows the job of an idempotency key, of its tenant only', async () => {
      const bench = await open();
      const { writer, reader, settle } = bench;
      const record = recordOf({ key: 'order 1' });
      await settle(writer.project(batchOf(1, record), 2));
      const of = (tenant: TenantId, key: string): Promise<KeyLookup> =>
        look(bench, () => reader.findKey(tenant, key));
      expect(await of(ACME, 'order 1')).toEqual({ kind: 'found', id: idOf(record), hash: 'hash of order 1' });
      expect(await of(OTHER, 'order 1')).toEqual({ kind: 'none' });
      expect(await of(ACME, 'order 2')).toEqual({ kind: 'none' });
    });
  });
};

conformance('outcomes in memory', async () => {
  const { clock, wire, newProcess, settle } = memoryBench();
  const store = new MemoryOutcomeStore(clock);
  const port = (): OutcomePort => new MemoryOutcomes(store, newProcess(), wire);
  return { writer: port(), reader: port(), settle };
});

describe('on real servers', () => {
  const brokers = new Brokers();
  const indexers: OutcomeIndexer[] = [];
  let connection: NatsConnection;
  let redis: Redis;

  const storeOf = ({ shard, names, manager }: TestShard): OutcomeStore => {
    const dead = new DeadLetters(connection, manager, names);
    return new OutcomeStore({ connection, manager, names, shard, redis, clock: systemClock, dead });
  };
  const indexerOf = (
    { shard, names, manager }: TestShard,
    over: Redis = redis,
    kept: (ledgerSeq: number) => OutcomeBatch | undefined = () => undefined,
  ): OutcomeIndexer => {
    const log = silentLogger();
    const indexer = new OutcomeIndexer({
      connection,
      manager,
      names,
      shard,
      redis: over,
      clock: systemClock,
      log,
      kept,
    });
    indexers.push(indexer);
    return indexer;
  };
  const open = async (settings: Parameters<Brokers['newShard']>[1] = {}) => {
    const place = await brokers.newShard(connection, settings);
    return { place, writer: storeOf(place), reader: storeOf(place), keys: indexKeys(place.shard) };
  };
  const projectMany = async (writer: OutcomePort, from: number, count: number): Promise<OutcomeRecord[]> => {
    const records: OutcomeRecord[] = [];
    for (let seq = from; seq < from + count; seq += 1) {
      const batch = [recordOf({ key: `key ${seq}` }), recordOf()];
      await writer.project(batchOf(seq, ...batch), 2);
      records.push(...batch);
    }
    return records;
  };
  /** Each record is found, or nobody can say; resolves to how many were found. */
  const foundOf = async (reader: OutcomePort, records: readonly OutcomeRecord[]): Promise<number> => {
    const looks = await Promise.all(records.map(({ job }) => reader.find(job.tenant, job.id)));
    const keys = records.flatMap(({ job }) => job.extras?.idempotency?.key ?? []);
    const keyLooks = await Promise.all(keys.map((key) => reader.findKey(ACME, key)));
    expect([...looks, ...keyLooks].filter(({ kind }) => kind === 'none')).toEqual([]);
    return looks.filter(({ kind }) => kind === 'found').length;
  };
  const allFound = (place: TestShard, records: readonly OutcomeRecord[]): Promise<true> =>
    eventually('all found', async () =>
      (await foundOf(storeOf(place), records)) === records.length ? true : undefined,
    );
  const unknownIsNone = (reader: OutcomePort): Promise<true> =>
    eventually('the index', async () =>
      (await reader.find(ACME, newJobId())).kind === 'none' &&
      (await reader.findKey(ACME, 'never used')).kind === 'none'
        ? true
        : undefined,
    );
  /** What the marker says, against the entries of `records`, two of each sequence from 1 on, in one look at Redis. */
  const markerIsTrue = async (place: TestShard, records: readonly OutcomeRecord[]): Promise<number> => {
    const keys = indexKeys(place.shard);
    const look = records.reduce(
      (chain, record) => chain.get(keys.job(idOf(record))),
      redis.multi().get(keys.marker),
    );
    const [marker, ...entries] = ((await look.exec()) ?? []).map(([, value]) => value as string | null);
    const seq = Number((marker ?? '0').split(' ')[0]);
    expect(entries.slice(0, 2 * seq).filter((entry) => entry === null)).toEqual([]);
    return seq;
  };

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
    redis = await brokers.redis();
  }, 120_000);
  afterAll(async () => {
    for (const indexer of indexers) await indexer.stop();
    await brokers.stop();
  });

  conformance('outcomes on NATS and Redis', async () => {
    const { place, writer, reader } = await open();
    await indexerOf(place).start();
    return { writer, reader, settle: (work) => work };
  });

  conformance('outcomes on NATS and Redis, indexed where they were projected', async () => {
    const { place, writer, reader } = await open();
    await indexerOf(place, redis, (ledgerSeq) => writer.keptOf(ledgerSeq)).start();
    return { writer, reader, settle: (work) => work };
  });

  it('finds at once what was projected at once: a look waits for an indexer that is close behind', async () => {
    const { place, writer, reader } = await open();
    await indexerOf(place).start();
    for (let seq = 1; seq <= 50; seq += 1) {
      const record = recordOf({ key: `key ${seq}` });
      await writer.project(batchOf(seq, record), 2);
      expect((await reader.findKey(ACME, `other ${seq}`)).kind).toBe('none');
      expect((await reader.find(ACME, idOf(record))).kind).toBe('found');
    }
  });

  it('says that it is rebuilding while the index is behind, and finds everything once it is not', async () => {
    const { place, writer, reader } = await open();
    const records = await projectMany(writer, 1, 3);
    expect((await reader.find(ACME, newJobId())).kind).toBe('rebuilding');
    expect((await reader.findKey(ACME, 'key 1')).kind).toBe('rebuilding');
    expect(await foundOf(reader, records)).toBe(0);
    const indexer = indexerOf(place);
    await indexer.start();
    await allFound(place, records);
    await unknownIsNone(reader);
    await indexer.stop();
    const later = await projectMany(writer, 4, 1);
    expect(await foundOf(storeOf(place), [...records, ...later])).toBe(records.length);
    expect((await reader.find(ACME, newJobId())).kind).toBe('rebuilding');
  });

  it('finds a record by its id where its batch was projected again in another order and is not indexed yet', async () => {
    const { place, writer } = await open();
    const records = [recordOf(), recordOf()];
    await writer.project(batchOf(1, ...records), 2);
    const indexer = indexerOf(place);
    await indexer.start();
    await allFound(place, records);
    await indexer.stop();
    await writer.project(batchOf(1, ...[...records].reverse()), 2);
    for (const record of records)
      expect(await storeOf(place).find(ACME, idOf(record))).toEqual({ kind: 'found', record });
  });

  it('finds records of format 1 without any index, also while Redis is away', async () => {
    const { place, writer } = await open();
    const record = recordOf();
    await writer.project(batchOf(1, record), 1);
    const found: OutcomeLookup = { kind: 'found', record };
    expect(await storeOf(place).find(ACME, idOf(record))).toEqual(found);
    expect((await storeOf(place).find(OTHER, idOf(record))).kind).toBe('rebuilding');
    await brokers.kill('redis');
    expect(await storeOf(place).find(ACME, idOf(record))).toEqual(found);
    expect((await storeOf(place).find(ACME, newJobId())).kind).toBe('rebuilding');
    expect((await storeOf(place).findKey(ACME, 'k')).kind).toBe('rebuilding');
    brokers.startRedis();
    await eventually('Redis', () => Promise.resolve(redis.status === 'ready' ? true : undefined));
  });

  it('stores a batch that is too large for one message as a message for each job', async () => {
    const { place, writer } = await open();
    await indexerOf(place).start();
    const records = [1, 2, 3].map((n) => recordOf({ key: `big ${n}`, bytes: 450_000 }));
    await writer.project(batchOf(1, ...records), 2);
    await allFound(place, records);
    expect((await storeOf(place).findKey(ACME, 'big 2')).kind).toBe('found');
  });

  it('never says none of what was projected, through flushes in the middle, with two indexers', async () => {
    const { place, writer } = await open();
    const stopped = new AbortController();
    for (const indexer of [indexerOf(place), indexerOf(place)]) await indexer.start();
    const records: OutcomeRecord[] = [];
    let checks = 0;
    const checking = (async () => {
      while (!stopped.signal.aborted) {
        const known = [...records];
        await markerIsTrue(place, known);
        await foundOf(storeOf(place), known.slice(-20));
        checks += 1;
      }
    })();
    for (let seq = 1; seq <= 300; seq += 1) {
      records.push(...(await projectMany(writer, seq, 1)));
      if (seq % 60 === 0) {
        await eventually('progress', async () =>
          (await markerIsTrue(place, records)) > 0 ? true : undefined,
        );
        await redis.flushall();
      }
    }
    stopped.abort();
    await checking;
    expect(checks).toBeGreaterThan(5);
    await allFound(place, records);
    await unknownIsNone(storeOf(place));
  });

  it('notices a flush while no outcomes come', async () => {
    const { place, writer } = await open();
    const records = await projectMany(writer, 1, 5);
    await indexerOf(place).start();
    await allFound(place, records);
    await redis.flushall();
    await allFound(place, records);
    await unknownIsNone(storeOf(place));
  });

  it('refuses what an indexer writes after a flush that it did not see', async () => {
    const { place, writer, keys } = await open();
    const records = await projectMany(writer, 1, 5);
    const held: (() => void)[] = [];
    let hold = false;
    const results: unknown[] = [];
    const slow = new Proxy(redis, {
      get(target, name, receiver) {
        if (name !== 'eval') return Reflect.get(target, name, receiver) as unknown;
        return async (...args: Parameters<Redis['eval']>) => {
          if (hold) await new Promise<void>((resolve) => held.push(resolve));
          const result = await target.eval(...args);
          results.push(result);
          return result;
        };
      },
    });
    await indexerOf(place, slow).start();
    await eventually('the index', async () =>
      (await markerIsTrue(place, records)) === 5 ? true : undefined,
    );
    hold = true;
    records.push(...(await projectMany(writer, 6, 1)));
    await eventually('a write on its way', () => Promise.resolve(held.length > 0 ? true : undefined));
    await redis.flushall();
    hold = false;
    results.length = 0;
    for (const release of held) release();
    await eventually('its answer', () => Promise.resolve(results.length > 0 ? true : undefined));
    expect(results[0]).toBe(0);
    await markerIsTrue(place, records);
    await allFound(place, records);
    expect(await redis.get(keys.marker)).toMatch(/^6 /);
  });

  it('does not believe a marker beyond the end of its stream, or of another stream', async () => {
    const { place, writer, keys } = await open();
    const records = await projectMany(writer, 1, 2);
    const first = indexerOf(place);
    await first.start();
    await allFound(place, records);
    await first.stop();
    const marker = (await redis.get(keys.marker)) ?? '';
    for (const wrong of [marker.replace(/^\d+/, '900'), '900 another', 'nonsense', '']) {
      await redis.flushall();
      await redis.set(keys.marker, wrong);
      if (wrong.endsWith('another'))
        expect((await storeOf(place).find(ACME, newJobId())).kind).toBe('rebuilding');
      const indexer = indexerOf(place);
      await indexer.start();
      await eventually('the marker', async () =>
        (await redis.get(keys.marker)) === marker ? true : undefined,
      );
      await markerIsTrue(place, records);
      await indexer.stop();
    }
  });

  it('waits for room in a Redis that is full, and says so meanwhile', async () => {
    const { place, writer } = await open();
    await redis.config('SET', 'maxmemory', '1');
    const records = await projectMany(writer, 1, 3);
    await indexerOf(place).start();
    expect(await foundOf(storeOf(place), records)).toBe(0);
    await redis.config('SET', 'maxmemory', '64mb');
    await allFound(place, records);
  });

  it('moves on over an end of the stream that was purged before it was indexed', async () => {
    const { place, writer } = await open();
    await projectMany(writer, 1, 4);
    await place.manager.streams.purge(place.names.outcomesStream);
    await indexerOf(place).start();
    await unknownIsNone(storeOf(place));
  });

  it('says none of outcomes that the stream dropped', async () => {
    const { place, writer } = await open({ outcomesMaxBytes: 50_000 });
    await indexerOf(place).start();
    const first = recordOf();
    await writer.project(batchOf(1, first), 2);
    for (let seq = 2; seq < 30; seq += 1) await writer.project(batchOf(seq, recordOf({ bytes: 5_000 })), 2);
    expect((await storeOf(place).find(ACME, idOf(first))).kind).toBe('none');
  });

  it('indexes on through kill -9 of NATS and of Redis', async () => {
    const { place, writer } = await open();
    await indexerOf(place).start();
    const records = await projectMany(writer, 1, 20);
    await brokers.kill('nats');
    await brokers.kill('redis');
    brokers.startNats();
    brokers.startRedis();
    await eventually('Redis', () => Promise.resolve(redis.status === 'ready' ? true : undefined));
    const again = async (): Promise<OutcomeRecord[] | undefined> => {
      try {
        return await projectMany(writer, 21, 20);
      } catch {
        return undefined;
      }
    };
    records.push(...(await eventually('the server', again, 60_000)));
    await allFound(place, records);
    await unknownIsNone(storeOf(place));
  }, 120_000);

  it('keeps entries a little longer than their messages, and keys no longer', async () => {
    const { place, writer, keys } = await open({ outcomesMaxAgeMs: 600_000 });
    await indexerOf(place).start();
    const record = recordOf({ key: 'k' });
    await writer.project(batchOf(1, record), 2);
    await allFound(place, [record]);
    expect(await redis.ttl(keys.job(idOf(record)))).toBeGreaterThan(600);
    const rest = await redis.ttl(keys.key(ACME, 'k'));
    expect(rest).toBeGreaterThan(500);
    expect(rest).toBeLessThanOrEqual(600);
  });

  it('builds the index again when outcomes are kept longer from now on', async () => {
    const { place, writer, keys } = await open({ outcomesMaxAgeMs: 600_000 });
    await indexerOf(place).start();
    const record = recordOf();
    await writer.project(batchOf(1, record), 2);
    await allFound(place, [record]);
    await place.manager.streams.update(place.names.outcomesStream, { max_age: 1_200_000 * 1_000_000 });
    const longer = async (): Promise<true | undefined> =>
      (await redis.ttl(keys.job(idOf(record)))) > 1_100 ? true : undefined;
    await eventually('longer entries', longer);
    await allFound(place, [record]);
  });
});
