/** The driver over the life of a worker: waiting, failing engines, sessions, roll-overs, drains, and what it says of itself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TenantId } from '@zerofleet/model';
import { DriverBench, SPEC, specOf, type Claimed } from './driver-bench.test.helper.js';
import { settled } from './hand-clock.test.helper.js';

const park = (): Promise<undefined> => Promise.resolve(undefined);
const only = (bench: DriverBench) => {
  const [counts] = bench.driver.counts();
  if (counts === undefined) throw new Error('no pool');
  return counts;
};

const STEP = fc.record({
  what: fc.constantFrom('take', 'take', 'again', 'keep', 'end', 'broken', 'pass', 'die'),
  tenant: fc.constantFrom('ada', 'bob', 'carol'),
  session: fc.constantFrom(undefined, undefined, 's'),
});

describe('waiting', () => {
  it('ends with the job, and what was started for it is stock', async () => {
    const bench = new DriverBench({ stocks: [] });
    const leaving = new AbortController();
    const claim = bench.claim('ada', { signal: leaving.signal });
    leaving.abort();
    expect(await claim).toEqual({ kind: 'aborted' });
    await settled();
    expect((await bench.take('bob')).how).toBe('warm');
    expect(await bench.claim('ada', { signal: leaving.signal })).toEqual({ kind: 'aborted' });
  });

  it('ends with the reason once starts have failed five times in a row, and goes on once they succeed', async () => {
    const bench = new DriverBench({ stocks: [] });
    bench.broken = 'no such image';
    await bench.start();
    const claim = bench.claim('ada');
    for (let n = 0; n < 40; n += 1) await bench.clock.pass(1_000);
    expect(await claim).toEqual({ kind: 'failed', reason: 'no such image' });
    expect(bench.driver.trouble).toBe('no such image');
    expect(only(bench).stats.breaker).toBe('open');
    expect(only(bench).stats.failures).toBeGreaterThanOrEqual(5);
    expect(await bench.claim('bob')).toMatchObject({ kind: 'failed' });
    bench.broken = undefined;
    for (let n = 0; n < 60; n += 1) await bench.clock.pass(1_000);
    await bench.take('carol');
    expect(bench.driver.trouble).toBeUndefined();
    expect(only(bench).stats.breaker).toBe('closed');
  });
});

describe('a container', () => {
  it('that died while it was idle goes to no job', async () => {
    const bench = new DriverBench();
    await bench.start();
    bench.runners[0]?.die('killed');
    await settled();
    const claim = await bench.take('ada');
    await bench.run(claim);
    expect([bench.runners[0]?.isGone, only(bench).stats.failures]).toEqual([true, 1]);
  });

  it('that ended with its engine is no failure of its image', async () => {
    const bench = new DriverBench({ stocks: [{ spec: SPEC, stock: 6 }] });
    await bench.start();
    for (const runner of [...bench.runners]) runner.die('the engine broker was lost', true);
    await bench.clock.pass(250);
    expect(only(bench)).toMatchObject({ warm: 6, stats: { failures: 0, breaker: 'closed' } });
  });

  it('that is not reset in time is destroyed, and its tenant gets another', async () => {
    const bench = new DriverBench();
    await bench.start();
    const claim = await bench.take('ada');
    await bench.run(claim);
    const [runner] = bench.runners;
    if (runner !== undefined) runner.isStuck = true;
    const released = bench.driver.release(claim.slot, 'again');
    await bench.clock.pass(5_000);
    await released;
    expect(runner?.isGone).toBe(true);
    expect((await bench.take('ada')).slot.id).not.toBe(claim.slot.id);
  });

  it('that served its time is replaced', async () => {
    const bench = new DriverBench({ policy: { budgetMiB: 6_400, startsMax: 8, usesMax: 1 } });
    await bench.start();
    const claim = await bench.take('ada');
    await bench.run(claim);
    await bench.driver.release(claim.slot, 'again');
    expect(bench.runners[0]?.isGone).toBe(true);
    expect(await bench.metric('zf_pool_evictions_total')).toEqual({ uses: 1 });
  });

  it('is given back once: a second release changes nothing', async () => {
    const bench = new DriverBench();
    await bench.start();
    const claim = await bench.take('ada');
    await bench.run(claim);
    await bench.driver.release(claim.slot, 'again');
    await bench.driver.release(claim.slot, 'broken');
    expect(bench.runners[0]?.isGone).toBe(false);
  });
});

describe('a session', () => {
  it('whose container cannot keep it is destroyed', async () => {
    const ended = { kind: 'ended', why: 'gone', reason: 'no room' } as const;
    const bench = new DriverBench({ park: () => Promise.resolve(ended) });
    await bench.start();
    await bench.park('ada', 's');
    expect(bench.runners[0]?.isGone).toBe(true);
    expect((await bench.take('ada', { session: 's' })).how).toBe('warm');
  });

  it('that goes on with another image is saved before', async () => {
    const saved: string[] = [];
    const onEvict = (_: unknown, session: string, tenant: TenantId): Promise<void> => {
      saved.push(`${tenant} ${session}`);
      return Promise.resolve();
    };
    const bench = new DriverBench({ park, onEvict });
    await bench.start();
    await bench.park('ada', 's');
    const claim = await bench.take('ada', { session: 's', spec: specOf('tools@2') });
    expect([claim.how, saved]).toEqual(['cold', ['ada s']]);
  });

  it('that cannot be saved is said and ended', async () => {
    const bench = new DriverBench({ park, onEvict: () => Promise.reject(new Error('no store')) });
    await bench.start();
    await bench.park('ada', 's');
    bench.driver.drain();
    await settled();
    expect(bench.runners[0]?.isGone).toBe(true);
  });
});

describe('an image', () => {
  it('that is replaced goes when the new one stands', async () => {
    const bench = new DriverBench({ stocks: [{ spec: SPEC, stock: 3 }] });
    await bench.start();
    bench.driver.configure([{ spec: specOf('tools@2'), stock: 3 }]);
    await settled();
    for (let n = 0; n < 400; n += 1) await bench.clock.pass(250);
    expect(bench.driver.counts().map(({ image, warm, target }) => [image, warm, target])).toEqual([
      ['tools', 0, 0],
      ['tools@2', 3, 3],
    ]);
    expect(bench.driver.images().map(({ reference, isWanted }) => [reference, isWanted])).toEqual([
      ['tools@2', true],
      ['tools', false],
    ]);
    expect(bench.runners.filter((runner) => runner.isGone).length).toBe(3);
  });
});

describe('a drain', () => {
  it('saves twenty sessions, four at once, and is over when the last one is', async () => {
    let saving = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    const onEvict = (): Promise<void> => {
      most = Math.max(most, (saving += 1));
      return new Promise((resolve) =>
        finish.push(() => {
          saving -= 1;
          resolve();
        }),
      );
    };
    const bench = new DriverBench({ park, onEvict });
    await bench.start();
    for (let n = 0; n < 20; n += 1) await bench.park(`t${n % 3}`, `s${n}`);
    expect(only(bench)).toMatchObject({ idle: 20, parked: 20 });
    bench.driver.drain();
    let isOver = false;
    const closed = bench.driver.close().then(() => (isOver = true));
    let saved = 0;
    for (; saved < 20; saved += 1) {
      await settled();
      expect([isOver, saving]).toEqual([false, Math.min(4, 20 - saved)]);
      finish.shift()?.();
    }
    await closed;
    expect(most).toBe(4);
    expect(bench.runners.every((runner) => runner.isGone)).toBe(true);
    expect(bench.driver.usedMiB).toBe(0);
  });

  it('is not held up by a save that hangs, nor by a container that is gone', async () => {
    const bench = new DriverBench({ park, onEvict: () => new Promise(() => undefined) });
    await bench.start();
    await bench.park('ada', 's1');
    await bench.park('ada', 's2');
    const closed = bench.driver.close();
    await settled();
    bench.runners[0]?.die('killed');
    await bench.clock.pass(20_000);
    await closed;
    expect(bench.runners.every((runner) => runner.isGone)).toBe(true);
  });

  it('gives no container to who still waits', async () => {
    const bench = new DriverBench({ stocks: [], policy: { budgetMiB: 64, startsMax: 1 } });
    await bench.start();
    await bench.take('ada');
    const waiting = bench.claim('bob');
    await bench.driver.close();
    expect(await waiting).toEqual({ kind: 'aborted' });
    expect(await bench.claim('carol')).toEqual({ kind: 'aborted' });
  });
});

describe('what it says of itself', () => {
  it('counts claims and misses by pool, and measures its starts', async () => {
    const bench = new DriverBench();
    await bench.start();
    const claim = await bench.take('ada');
    const cold = await bench.take('bob');
    await bench.run(claim);
    await bench.driver.release(claim.slot, 'again');
    await bench.take('ada');
    expect(cold.how).toBe('cold');
    const { stats, image, busy } = only(bench);
    expect({ image, busy }).toEqual({ image: 'tools', busy: 2 });
    expect(stats.claims).toEqual({ session: 0, reused: 1, warm: 1, cold: 1 });
    expect(Object.values(stats.misses)).toEqual([1]);
    expect(stats.refillPerS).toBeGreaterThan(0);
    expect(await bench.metric('zf_pool_claims_total')).toEqual({ warm: 1, cold: 1, reused: 1 });
    expect(Object.values(await bench.metric('zf_pool_misses_total'))).toEqual([1]);
    expect(Object.values(await bench.metric('zf_pool_breaker'))).toEqual([0]);
    expect(Object.values(await bench.metric('zf_pool_memory_mib'))).toEqual([bench.driver.usedMiB]);
  });
});

describe('a busy worker', () => {
  it('gives each container to one tenant, and leaves none behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 60 }), async (steps) => {
        const bench = new DriverBench({
          park: ({ link }) => link.keep(),
          policy: { budgetMiB: 64 * 6, startsMax: 2, usesMax: 3 },
        });
        await bench.start();
        const servedBy = new Map<string, string>();
        const held: Claimed[] = [];
        const take = (tenant: string, session: string | undefined): void => {
          const claim = bench.claim(tenant, session === undefined ? {} : { session });
          void claim.then(async (one) => {
            if (one.kind !== 'claimed') return;
            expect(servedBy.get(one.slot.id) ?? tenant).toBe(tenant);
            servedBy.set(one.slot.id, tenant);
            await bench.run(one);
            held.push(one);
          });
        };
        for (const { what, tenant, session } of steps) {
          if (what === 'take') take(tenant, session);
          else if (what === 'die') bench.runners.at(-1)?.die('killed');
          else if (what === 'pass') await bench.clock.pass(400);
          else {
            const claim = held.shift();
            if (claim !== undefined) void bench.driver.release(claim.slot, what);
          }
          await settled();
          expect(bench.driver.usedMiB).toBeLessThanOrEqual(64 * 6);
        }
        await bench.driver.close();
        expect(bench.runners.every((runner) => runner.isGone)).toBe(true);
        expect(bench.driver.usedMiB).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
