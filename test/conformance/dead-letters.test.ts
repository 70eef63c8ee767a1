/** Dead letters on a real server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeadLetters } from '@zerofleet/coordinator';
import type { DeadLetter } from '@zerofleet/protocol';
import { newJobId, type NatsConnection } from '@zerofleet/runtime';
import { Brokers } from './brokers.js';
import { ACME, idOf, letterOf, OTHER } from './records.js';

describe('dead letters on NATS', () => {
  const brokers = new Brokers();
  let connection: NatsConnection;
  const open = async (): Promise<DeadLetters> => {
    const { manager, names } = await brokers.newShard(connection);
    return new DeadLetters(connection, manager, names);
  };
  const listAll = async (dead: DeadLetters, limit: number): Promise<DeadLetter[][]> => {
    const pages: DeadLetter[][] = [];
    for (let after: number | null = 0; after !== null;) {
      const page = await dead.list(ACME, { limit, after });
      pages.push([...page.letters]);
      after = page.next;
    }
    return pages;
  };

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
  }, 120_000);
  afterAll(() => brokers.stop());

  it("lists a tenant's letters page by page, and nobody else's", async () => {
    const dead = await open();
    expect(await listAll(dead, 10)).toEqual([[]]);
    const records = Array.from({ length: 5 }, () => letterOf());
    for (const record of records) {
      await dead.bury(letterOf({ tenant: OTHER }));
      await dead.bury(record);
    }
    expect(await listAll(dead, 2)).toEqual([records.slice(0, 2), records.slice(2, 4), records.slice(4)]);
    expect((await listAll(dead, 100)).flat()).toEqual(records);
  });

  it('ends a page early where its letters are large, and loses none', async () => {
    const dead = await open();
    const records = Array.from({ length: 12 }, () => letterOf({ bytes: 800_000 }));
    for (const record of records) await dead.bury(record);
    const pages = await listAll(dead, 100);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat().map(idOf)).toEqual(records.map(idOf));
  });

  it('gives and removes a letter of its tenant only', async () => {
    const dead = await open();
    const record = letterOf();
    await dead.bury(record);
    expect(await dead.get(ACME, idOf(record))).toEqual(record);
    expect(await dead.get(OTHER, idOf(record))).toBeUndefined();
    expect(await dead.get(ACME, newJobId())).toBeUndefined();
    await dead.remove(OTHER, idOf(record));
    expect(await dead.get(ACME, idOf(record))).toEqual(record);
    await dead.remove(ACME, idOf(record));
    await dead.remove(ACME, idOf(record));
    expect(await dead.get(ACME, idOf(record))).toBeUndefined();
  });

  it('buries a job once, also when that is repeated after it was removed', async () => {
    const dead = await open();
    const record = letterOf();
    await dead.bury(record);
    await dead.bury(record);
    expect((await listAll(dead, 10)).flat()).toEqual([record]);
    await dead.remove(ACME, idOf(record));
    await dead.bury(record);
    expect(await listAll(dead, 10)).toEqual([[]]);
  });
});
