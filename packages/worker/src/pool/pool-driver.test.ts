/** The driver with runners that a test plays: no container, however it behaves, may break the worker. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobId, PoolSpec, TenantId, ToolName } from '@zerofleet/model';
import { newRegistry, silentLogger, type Registry } from '@zerofleet/runtime';
import {
  ACK,
  HELLO,
  READY,
  resultWith,
  ScriptedRunner,
  STARTED,
} from '../runner/scripted-runner.test.helper.js';
import type { Claim, ClaimRequest } from './claim.js';
import { HandClock, settled } from './hand-clock.test.helper.js';
import { PoolDriver, type PoolDriverOptions } from './pool-driver.js';
import { PoolMetrics } from './pool-metrics.js';

const spec: PoolSpec = {
  image: 'tools',
  runtime: 'runc',
  resources: { cpuMilli: 100, memoryMiB: 64, pids: 9, workMiB: 8, tmpMiB: 8 },
};
const tenant = 't1' as TenantId;
const job = 'j1' as JobId;
const tool = 'echo' as ToolName;
const run = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: {},
  files: [],
  limits: { timeoutMs: 1, outputBytes: 1, resultBytes: 1 },
};
let clock: HandClock;
let runners: ScriptedRunner[];
let failing: boolean;
let registry: Registry;

const newDriver = (stock: number, sessions: Partial<PoolDriverOptions> = {}): PoolDriver => {
  const metrics = new PoolMetrics(registry, () => []);
  const policy = {
    budgetMiB: 640,
    startsMax: 4,
    idleMaxMs: 1e6,
    sessionIdleMaxMs: 1e6,
    ageMaxMs: 1e6,
    usesMax: 9,
  };
  const open = (): Promise<ScriptedRunner> => {
    if (failing) return Promise.reject(new Error('no engine'));
    const runner = new ScriptedRunner();
    runners.push(runner);
    return Promise.resolve(runner);
  };
  const stocks = [{ spec, stock }];
  return new PoolDriver({
    engine: { open },
    clock,
    log: silentLogger(),
    policy,
    stocks,
    metrics,
    onChange: () => undefined,
    ...sessions,
  });
};

const claimed = async (
  driver: PoolDriver,
  wish: Partial<ClaimRequest> = {},
): Promise<Extract<Claim, { kind: 'claimed' }>> => {
  const signal = new AbortController().signal;
  const claim = await driver.claim({ spec, tenant, job, tool, signal, ...wish });
  if (claim.kind !== 'claimed') throw new Error(`claim ${claim.kind}`);
  return claim;
};

/** A driver with one warm container whose job has just ended. */
const ranOne = async (
  wish: Partial<ClaimRequest> = {},
  sessions: Partial<PoolDriverOptions> = {},
): Promise<{
  driver: PoolDriver;
  runner: ScriptedRunner;
  claim: Extract<Claim, { kind: 'claimed' }>;
}> => {
  const driver = newDriver(1, sessions);
  driver.start();
  await settled();
  const runner = runners[0] as ScriptedRunner;
  runner.say(HELLO);
  await settled();
  const claim = await claimed(driver, wish);
  const offer = claim.slot.link.offer(run);
  runner.say(ACK);
  await offer;
  const end = claim.slot.link.go({ started: () => undefined, output: () => undefined });
  runner.say(STARTED, resultWith({}));
  await end;
  return { driver, runner, claim };
};

describe('pool driver', () => {
  beforeEach(() => {
    clock = new HandClock();
    runners = [];
    failing = false;
    registry = newRegistry();
  });

  it('gives a container back to its tenant after a reset', async () => {
    const { driver, runner, claim } = await ranOne();
    const released = driver.release(claim.slot, 'again');
    runner.say(READY);
    await released;
    expect((await claimed(driver)).how).toBe('reused');
  });

  it('survives a container that breaks the protocol right behind its READY', async () => {
    const { driver, runner, claim } = await ranOne();
    const released = driver.release(claim.slot, 'again');
    runner.say(READY, STARTED);
    await released;
    await settled();
    expect(runner.destroyed).toBe(true);
    expect(driver.counts()[0]).toMatchObject({ idle: 0, busy: 0 });
  });

  it('survives a container that breaks it right behind its RESULT', async () => {
    const { driver, runner, claim } = await ranOne();
    runner.say(STARTED);
    await driver.release(claim.slot, 'again');
    await settled();
    expect(driver.counts()[0]).toMatchObject({ idle: 0, busy: 0 });
  });

  it('counts a claim once, also one that waited', async () => {
    const driver = newDriver(0);
    const claim = driver.claim({ spec, tenant, job, tool, signal: new AbortController().signal });
    await settled();
    runners[0]?.say(HELLO);
    expect(await claim).toMatchObject({ kind: 'claimed', how: 'cold' });
    const { values } = await (
      registry.getSingleMetric('zf_pool_claims_total') as { get(): Promise<{ values: object[] }> }
    ).get();
    expect(values).toMatchObject([{ labels: { how: 'cold' }, value: 1 }]);
  });

  it('takes starts that fail together for one failure, and is back a second later', async () => {
    failing = true;
    const driver = newDriver(4);
    driver.start();
    await settled();
    failing = false;
    await clock.pass(1_000);
    expect(runners.length).toBe(1);
    runners[0]?.say(HELLO);
    await settled();
    // One start is left free for a job.
    expect(runners.length).toBe(4);
  });
});

describe('pool driver with sessions', () => {
  beforeEach(() => {
    clock = new HandClock();
    runners = [];
    failing = false;
    registry = newRegistry();
  });
  const park = (): Promise<undefined> => Promise.resolve(undefined);
  const session = 's1';

  it('parks a container for its session, and gives it to no other job of the tenant', async () => {
    const { driver, claim } = await ranOne({ session }, { park });
    await driver.release(claim.slot, 'keep');
    const other = driver.claim({ spec, tenant, job, tool, signal: new AbortController().signal });
    await settled();
    runners[1]?.say(HELLO);
    expect(await other).toMatchObject({ how: 'cold' });
    expect(await claimed(driver, { session })).toMatchObject({ how: 'session', slot: { id: claim.slot.id } });
  });

  it('lets the next job of a session wait until its container is parked', async () => {
    let parked: (value: undefined) => void = () => undefined;
    const { driver, claim } = await ranOne(
      { session },
      { park: () => new Promise((resolve) => (parked = resolve)) },
    );
    const next = claimed(driver, { session });
    const released = driver.release(claim.slot, 'keep');
    await settled();
    parked(undefined);
    await released;
    expect(await next).toMatchObject({ how: 'session', slot: { id: claim.slot.id } });
  });

  it('saves a parked container before it ends, and lets its session wait for that', async () => {
    const saves: (() => void)[] = [];
    const onEvict = (): Promise<void> => new Promise((resolve) => saves.push(resolve));
    const { driver, claim, runner } = await ranOne({ session }, { park, onEvict });
    await driver.release(claim.slot, 'keep');
    runners[1]?.say(HELLO);
    await settled();
    await clock.pass(1e6);
    expect(saves.length).toBe(1);
    expect(runner.destroyed).toBe(false);
    const next = claimed(driver, { session });
    await settled();
    expect(driver.counts()[0]).toMatchObject({ warm: 1 });
    saves[0]?.();
    expect((await next).slot.id).not.toBe(claim.slot.id);
    expect(runner.destroyed).toBe(true);
  });

  it('ends a container whose save takes too long', async () => {
    const { driver, claim, runner } = await ranOne(
      { session },
      { park, onEvict: () => new Promise(() => undefined) },
    );
    await driver.release(claim.slot, 'keep');
    await clock.pass(1e6);
    await clock.pass(20_000);
    expect(runner.destroyed).toBe(true);
  });

  it("destroys a session's container that is not kept, without a save", async () => {
    const saved: string[] = [];
    const onEvict = (_: unknown, name: string): Promise<void> => {
      saved.push(name);
      return Promise.resolve();
    };
    const { driver, claim, runner } = await ranOne({ session }, { park, onEvict });
    await driver.release(claim.slot, 'again');
    expect(runner.destroyed).toBe(true);
    const fresh = claimed(driver, { session });
    await settled();
    runners[1]?.say(HELLO);
    await driver.release((await fresh).slot, 'keep');
    driver.endSession(tenant, session);
    await settled();
    expect(saved).toEqual([]);
    expect(driver.counts()[0]).toMatchObject({ idle: 0, busy: 0 });
  });
});
