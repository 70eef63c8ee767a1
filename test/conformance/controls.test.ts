/** The control store and the notes of usage over a real NATS: what comes back, in order, also past a restart of the server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Controls, ControlStore, UsageStore } from '@zerofleet/coordinator';
import type { TenantId } from '@zerofleet/model';
import { controlKeys, CONTROLS_VERSION, type UsagePage } from '@zerofleet/protocol';
import { silentLogger, systemClock } from '@zerofleet/runtime';
import { eventually } from '../fleet/eventually.js';
import { Brokers, type TestShard } from './brokers.js';

const brokers = new Brokers();
beforeAll(() => brokers.start(), 120_000);
afterAll(() => brokers.stop());

const ADA = 'ada' as TenantId;
const v = CONTROLS_VERSION;
const tenantRecord = (weight: number): object => ({
  v,
  tenant: ADA,
  quotas: { weight },
  createdAtMs: 1,
  by: 'test',
});

const newShard = async (): Promise<TestShard> => brokers.newShard(await brokers.connect());

/** Waits until `controls` say that Ada's weight is this. */
const weighs = (controls: Controls, weight: number): Promise<true> =>
  eventually(`a weight of ${weight}`, () =>
    Promise.resolve(controls.quotasOf(ADA).weight === weight ? true : undefined),
  );

const open = async (shard: TestShard): Promise<{ controls: Controls; store: ControlStore }> => {
  const controls = new Controls();
  const store = await ControlStore.open({
    ...{ connection: await brokers.connect(), manager: shard.manager, names: shard.names, controls },
    settings: { replicas: 1, controlsMaxBytes: 1e6 },
    clock: systemClock,
    log: silentLogger(),
  });
  return { controls, store };
};

describe('the control store', () => {
  it('tells every process what one has set, and one that comes later all of it', async () => {
    const shard = await newShard();
    const one = await open(shard);
    const other = await open(shard);
    const key = controlKeys.tenant(ADA);
    expect(await one.store.put(key, tenantRecord(2))).toBe('written');
    // Who wrote it sees it at once.
    expect(one.controls.quotasOf(ADA).weight).toBe(2);
    await weighs(other.controls, 2);
    const late = await open(shard);
    expect(late.controls.quotasOf(ADA).weight).toBe(2);
    expect(await other.store.remove(key)).toBe('written');
    for (const { controls } of [one, other, late]) await weighs(controls, 1);
    expect((await open(shard)).controls.tenant(ADA)).toBeUndefined();
  });

  it('refuses a change of what somebody else changed meanwhile', async () => {
    const { store, controls } = await open(await newShard());
    const key = controlKeys.tenant(ADA);
    expect(await store.change(key, tenantRecord(2), null)).toBe('written');
    expect(await store.change(key, tenantRecord(3), null)).toBe('conflict');
    const there = await store.get(key);
    expect(await store.change(key, tenantRecord(4), there?.revision ?? 0)).toBe('written');
    expect(await store.change(key, tenantRecord(5), there?.revision ?? 0)).toBe('conflict');
    expect(controls.quotasOf(ADA).weight).toBe(4);
    await store.remove(key);
    // What was removed can be made again.
    expect(await store.change(key, tenantRecord(6), null)).toBe('written');
  });

  it('goes on when the server comes back', async () => {
    const shard = await newShard();
    const one = await open(shard);
    const other = await open(shard);
    await brokers.kill('nats');
    brokers.startNats();
    await eventually('a write', async () =>
      (await one.store.put(controlKeys.tenant(ADA), tenantRecord(7))) === 'written' ? true : undefined,
    );
    await weighs(other.controls, 7);
  }, 60_000);
});

describe('notes of usage', () => {
  const page = (seq: number, usedMs: number): UsagePage => ({
    ...{ v, page: 3, seq, day: 20_000, spanMs: 1_000 },
    tenants: [{ tenant: ADA, usedMs, kept: [[5, 10]] }],
  });

  it('come back as they were written, and never go back to those of an earlier leader', async () => {
    const shard = await newShard();
    const stores = await Promise.all(
      [1, 2].map(async () => UsageStore.open(await brokers.connect(), shard.names, 1)),
    );
    const [old, next] = stores as [UsageStore, UsageStore];
    expect(await old.load()).toEqual([]);
    await old.save(page(10, 1));
    expect(await next.load()).toEqual([page(10, 1)]);
    await next.save(page(20, 2));
    await expect(old.save(page(11, 9))).rejects.toThrow('later leader');
    await expect(old.save(page(12, 9))).rejects.toThrow('later leader');
    await next.save(page(30, 3));
    expect(await old.load()).toEqual([page(30, 3)]);
  });
});
