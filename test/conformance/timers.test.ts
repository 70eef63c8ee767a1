/** The timer port: one suite for every implementation, and the real one through kill -9. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsTimers, type TimerPort } from '@zerofleet/coordinator';
import type { NatsConnection } from '@zerofleet/runtime';
import { MemoryPages, MemoryTimers, NO_FAULTS } from '@zerofleet/testkit';
import { eventually } from '../fleet/eventually.js';
import { Brokers } from './brokers.js';
import { memoryBench } from './memory.js';

const DAY_MS = 86_400_000;

interface Bench {
  readonly timers: TimerPort;
  /** Lets time pass where it does not pass by itself. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

const conformance = (name: string, open: () => Promise<Bench>): void => {
  describe(name, () => {
    it('keeps pages until they are dropped, and lists them', async () => {
      const { timers, settle } = await open();
      expect(await settle(timers.list())).toEqual([]);
      const pages: number[] = [];
      for (const n of [0, 1, 2, 3])
        pages.push(await settle(timers.store(Buffer.from(`page ${n}`), (20_000 + n) * DAY_MS)));
      expect(new Set(pages).size).toBe(4);
      const [first = 0, second = 0, third = 0, fourth = 0] = pages;
      expect(Buffer.from((await settle(timers.get(second))) ?? []).toString()).toBe('page 1');
      expect([...(await settle(timers.list()))].sort((a, b) => a - b)).toEqual(pages);
      for (const page of [second, second, fourth]) await settle(timers.drop(page));
      expect(await settle(timers.get(second))).toBeUndefined();
      expect(await settle(timers.list())).toEqual([first, third]);
      for (const page of [first, third]) await settle(timers.drop(page));
      expect(await settle(timers.list())).toEqual([]);
    });

    it('has no page that nobody stored, and drops it without a word', async () => {
      const { timers, settle } = await open();
      expect(await settle(timers.get(7))).toBeUndefined();
      await settle(timers.drop(7));
    });

    it('keeps two pages of the same day apart', async () => {
      const { timers, settle } = await open();
      const a = await settle(timers.store(Buffer.from('a'), DAY_MS));
      const b = await settle(timers.store(Buffer.from('b'), DAY_MS + 1));
      await settle(timers.drop(a));
      expect(Buffer.from((await settle(timers.get(b))) ?? []).toString()).toBe('b');
    });
  });
};

conformance('timers in memory', async () => {
  const { wire, newProcess, settle } = memoryBench();
  return { timers: new MemoryTimers(new MemoryPages(), newProcess(), wire, NO_FAULTS), settle };
});

describe('on a real server', () => {
  const brokers = new Brokers();
  let connection: NatsConnection;
  const open = async (timersMaxBytes = 1e7): Promise<NatsTimers> => {
    const { manager, names } = await brokers.newShard(connection, { timersMaxBytes });
    return new NatsTimers(connection, manager, names);
  };

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
  }, 120_000);
  afterAll(() => brokers.stop());

  conformance('timers on NATS', async () => ({ timers: await open(), settle: (work) => work }));

  it('refuses a page when the stream is full, and loses none', async () => {
    const timers = await open(10_000);
    const stored: number[] = [];
    const fill = async (): Promise<void> => {
      for (;;) stored.push(await timers.store(Buffer.alloc(3_000), DAY_MS));
    };
    await expect(fill()).rejects.toThrow('maximum bytes exceeded');
    expect(await timers.list()).toEqual(stored);
  });

  it('does not call a page dropped where its stream is gone', async () => {
    const { manager, names } = await brokers.newShard(connection);
    const timers = new NatsTimers(connection, manager, names);
    await manager.streams.delete(names.timersStream);
    await expect(timers.drop(1)).rejects.toThrow('stream not found');
  });

  it('has every acknowledged page after kill -9', async () => {
    const timers = await open();
    const page = await timers.store(Buffer.from('a'), DAY_MS);
    await brokers.kill('nats');
    brokers.startNats();
    const list = (): Promise<readonly number[] | undefined> => timers.list().catch(() => undefined);
    expect(await eventually('the server', list, 60_000)).toEqual([page]);
  }, 90_000);
});
