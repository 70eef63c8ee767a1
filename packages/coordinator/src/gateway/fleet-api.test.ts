import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BootId, JobId, ProblemCode, WorkerId } from '@zerofleet/model';
import type { PoolsView, PoolStats, Ready, WorkerDetailView, WorkersView } from '@zerofleet/protocol';
import { Bench, expectRefusal, KEYS, NOBODYS_JOB, ROOT } from './bench.test.helper.js';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  await bench.begin();
});
afterEach(() => bench.close());

const bootOf = (n: number): BootId => `11111111-1111-4111-8111-00000000000${n}` as BootId;
const STATS: PoolStats = {
  claims: { warm: 60, reused: 30, session: 9, cold: 1 },
  misses: { empty: 1 },
  startMsP50: 200,
  startMsP95: 410.5,
  refillPerS: 4,
  failures: 0,
  breaker: 'closed',
};
const pool = (key: string, more: Partial<Ready['pools'][number]> = {}): Ready['pools'][number] => ({
  ...{ key, target: 3, starting: 1, warm: 2, busy: 4, idle: 5 },
  ...more,
});
const ready = (worker: string, seq: number, more: Partial<Ready> = {}): Ready => ({
  v: 1,
  worker: worker as WorkerId,
  boot: bootOf(1),
  mode: 'warm',
  seq,
  room: { cpuMilli: 8_000, memoryMiB: 1_024 },
  free: { cpuMilli: 1_000, memoryMiB: 128 },
  draining: false,
  attempts: [],
  pools: [],
  ...more,
});
const root = (url: string): ReturnType<Bench['call']> => bench.call('GET', url, { key: ROOT });
const workers = async (): Promise<WorkersView['workers']> =>
  (await root('/v1/admin/workers')).json<WorkersView>().workers;
const pools = async (): Promise<PoolsView['pools']> =>
  (await root('/v1/admin/pools')).json<PoolsView>().pools;
/** It listens, and has for long enough. */
const listen = async (): Promise<void> => {
  bench.roster.listening(true);
  await bench.clock.advance(2_000);
};

describe('workers', () => {
  it('are shown as they were last heard, with how long ago', async () => {
    await listen();
    bench.roster.hear(ready('w2', 1, { draining: true }));
    bench.roster.hear(
      ready('w1', 1, {
        attempts: [{ id: NOBODYS_JOB as JobId, attempt: 2 }],
        pools: [pool('a', { parked: 1 }), pool('b')],
      }),
    );
    await bench.clock.advance(700);
    bench.roster.hear(ready('w2', 2, { draining: true }));
    await bench.clock.advance(50);
    const [one, two] = await workers();
    expect(one).toEqual({
      worker: 'w1',
      boot: bootOf(1),
      mode: 'warm',
      stage: 'ready',
      ageMs: 750,
      room: { cpuMilli: 8_000, memoryMiB: 1_024 },
      free: { cpuMilli: 1_000, memoryMiB: 128 },
      attempts: 1,
      containers: { starting: 2, warm: 4, busy: 8, idle: 10, parked: 1 },
    });
    expect(two).toMatchObject({ worker: 'w2', stage: 'draining', ageMs: 50 });
    const detail = (await root('/v1/admin/workers/w1')).json<WorkerDetailView>();
    expect(detail).toMatchObject({ ...one, held: [{ id: NOBODYS_JOB, attempt: 2 }] });
    expect(detail.pools.map(({ key, workers: count, parked }) => [key, count, parked])).toEqual([
      ['a', 1, 1],
      ['b', 1, 0],
    ]);
  });

  it('that are silent say so, and are dropped in the end', async () => {
    await listen();
    bench.roster.hear(ready('w1', 1, { pools: [pool('a')] }));
    await bench.clock.advance(6_000);
    expect(await workers()).toMatchObject([{ stage: 'ready', ageMs: 6_000 }]);
    await bench.clock.advance(1);
    expect(await workers()).toMatchObject([{ stage: 'silent' }]);
    expect(await pools()).toEqual([]);
    await bench.clock.advance(54_000);
    expect(await workers()).toEqual([]);
    expectRefusal(await root('/v1/admin/workers/w1'), 'not_found', undefined);
    bench.roster.hear(ready('w1', 2));
    expect(await workers()).toMatchObject([{ stage: 'ready' }]);
  });

  it('are not told of by one that does not hear, or has just begun to', async () => {
    const urls = ['/v1/admin/workers', '/v1/admin/workers/w1', '/v1/admin/pools'];
    const unheard = async (): Promise<void> => {
      for (const url of urls) expectRefusal(await root(url), 'workers_unheard', '1');
    };
    await unheard();
    bench.roster.listening(true);
    bench.roster.hear(ready('w1', 1));
    await bench.clock.advance(1_999);
    await unheard();
    await bench.clock.advance(1);
    expect(await workers()).toHaveLength(1);
    bench.roster.listening(false);
    await bench.clock.advance(600_000);
    await unheard();
    // What was not heard meanwhile is old, and not gone.
    await listen();
    expect(await workers()).toMatchObject([{ stage: 'silent', ageMs: 604_000 }]);
  });

  it('change nothing by messages that come late, or of a boot that is over', async () => {
    await listen();
    const [old, young] = [bootOf(1), bootOf(2)];
    bench.roster.hear(ready('w1', 5, { boot: old }));
    bench.roster.hear(ready('w1', 4, { boot: old, draining: true }));
    expect(await workers()).toMatchObject([{ stage: 'ready' }]);
    bench.roster.hear(ready('w1', 1, { boot: young, draining: true }));
    bench.roster.hear(ready('w1', 6, { boot: old }));
    expect(await workers()).toMatchObject([{ boot: young, stage: 'draining' }]);
  });
});

describe('pools', () => {
  it('are the sum over workers, with the slowest times', async () => {
    await listen();
    bench.roster.hear(ready('w1', 1, { pools: [pool('a', { image: 'img', stats: STATS, parked: 2 })] }));
    const slow: PoolStats = {
      ...STATS,
      ...{ claims: { cold: 100 }, misses: { empty: 98, breaker: 2 }, startMsP50: null, startMsP95: 900 },
      ...{ failures: 7, breaker: 'open' },
    };
    bench.roster.hear(ready('w2', 1, { pools: [pool('a', { stats: slow }), pool('b')] }));
    bench.roster.hear(ready('w3', 1, { pools: [pool('a', { target: 0 })] }));
    expect(await pools()).toEqual([
      {
        ...{ key: 'a', image: 'img', workers: 3 },
        ...{ target: 6, starting: 3, warm: 6, busy: 12, idle: 15, parked: 2 },
        stats: {
          claims: { warm: 60, reused: 30, session: 9, cold: 101 },
          hitRate: 99 / 200,
          misses: { empty: 99, breaker: 2 },
          ...{ startMsP50: 200, startMsP95: 900, refillPerS: 8, failures: 7, breaker: 'open' },
        },
      },
      {
        ...{ key: 'b', image: null, workers: 1 },
        ...{ target: 3, starting: 1, warm: 2, busy: 4, idle: 5, parked: 0 },
        stats: null,
      },
    ]);
  });

  it('without a claim have no rate of hits', async () => {
    await listen();
    const fresh: PoolStats = { ...STATS, claims: {}, misses: {}, refillPerS: null, breaker: 'half' };
    bench.roster.hear(ready('w1', 1, { pools: [pool('a', { stats: fresh })] }));
    expect(await pools()).toMatchObject([{ stats: { hitRate: null, refillPerS: null, breaker: 'half' } }]);
  });
});

describe('bad input', () => {
  it.each<[string, string, string, ProblemCode]>([
    ['a worker that is not there', ROOT, '/v1/admin/workers/w9', 'not_found'],
    ['a worker that cannot be', ROOT, '/v1/admin/workers/W%201', 'invalid_request'],
    ['a worker that is a path', ROOT, '/v1/admin/workers/..%2fpools', 'invalid_request'],
    ['a worker with a wildcard', ROOT, '/v1/admin/workers/%3e', 'invalid_request'],
    ['a worker without a name', ROOT, '/v1/admin/workers/', 'invalid_request'],
    ['a name without an end', ROOT, `/v1/admin/workers/${'w'.repeat(64)}`, 'invalid_request'],
    ['workers for a tenant', KEYS.ada, '/v1/admin/workers', 'forbidden'],
    ['a worker for a tenant', KEYS.ada, '/v1/admin/workers/w1', 'forbidden'],
    ['pools for a tenant', KEYS.ada, '/v1/admin/pools', 'forbidden'],
    ['workers for nobody', '', '/v1/admin/workers', 'unauthorized'],
    ['pools by a key that is none', 'zf_none', '/v1/admin/pools', 'unauthorized'],
  ])('%s is refused', async (_what, key, url, code) => {
    await listen();
    bench.roster.hear(ready('w1', 1));
    const { detail } = expectRefusal(await bench.call('GET', url, { key }), code, undefined);
    expect(detail).not.toMatch(/\n| at .*\.js/);
  });

  it('of a body changes nothing', async () => {
    await listen();
    for (const method of ['POST', 'PUT', 'DELETE'] as const)
      expectRefusal(await bench.call(method, '/v1/admin/workers', { key: ROOT }), 'not_found', undefined);
  });
});
