/** The driver with runners that a test plays: no container, however it behaves, may break the worker. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobId, PoolSpec, TenantId } from '@zerofleet/model';
import { newRegistry, silentLogger, type Clock, type Registry } from '@zerofleet/runtime';
import {
  ACK,
  HELLO,
  READY,
  resultWith,
  ScriptedRunner,
  STARTED,
} from '../runner/scripted-runner.test.helper.js';
import { PoolDriver, type Claim } from './pool-driver.js';
import { PoolMetrics } from './pool-metrics.js';

const spec: PoolSpec = {
  image: 'tools',
  runtime: 'runc',
  resources: { cpuMilli: 100, memoryMiB: 64, pids: 9, workMiB: 8, tmpMiB: 8 },
};
const tenant = 't1' as TenantId;
const job = 'j1' as JobId;
const run = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: {},
  files: [],
  limits: { timeoutMs: 1, outputBytes: 1, resultBytes: 1 },
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class HandClock implements Clock {
  now = 0;
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  nowMs(): number {
    return this.now;
  }
  wallMs(): number {
    return this.now;
  }
  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.now + delayMs, fire };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  }
  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.timers.filter((one) => one.atMs <= this.now)) {
      this.timers = this.timers.filter((one) => one !== timer);
      timer.fire();
    }
    await settled();
  }
}

let clock: HandClock;
let runners: ScriptedRunner[];
let failing: boolean;
let registry: Registry;

const newDriver = (stock: number): PoolDriver => {
  const metrics = new PoolMetrics(registry, () => []);
  const policy = { budgetMiB: 640, startsMax: 4, idleMaxMs: 1e6, ageMaxMs: 1e6, usesMax: 9 };
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
  });
};

const claimed = async (driver: PoolDriver): Promise<Extract<Claim, { kind: 'claimed' }>> => {
  const claim = await driver.claim(spec, tenant, job, new AbortController().signal);
  if (claim.kind !== 'claimed') throw new Error(`claim ${claim.kind}`);
  return claim;
};

/** A driver with one warm container whose job has just ended. */
const ranOne = async (): Promise<{
  driver: PoolDriver;
  runner: ScriptedRunner;
  claim: Extract<Claim, { kind: 'claimed' }>;
}> => {
  const driver = newDriver(1);
  driver.start();
  await settled();
  const runner = runners[0] as ScriptedRunner;
  runner.say(HELLO);
  await settled();
  const claim = await claimed(driver);
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
    const released = driver.release(claim.slot, true);
    runner.say(READY);
    await released;
    expect((await claimed(driver)).how).toBe('reused');
  });

  it('survives a container that breaks the protocol right behind its READY', async () => {
    const { driver, runner, claim } = await ranOne();
    const released = driver.release(claim.slot, true);
    runner.say(READY, STARTED);
    await released;
    await settled();
    expect(runner.destroyed).toBe(true);
    expect(driver.counts()[0]).toMatchObject({ idle: 0, busy: 0 });
  });

  it('survives a container that breaks it right behind its RESULT', async () => {
    const { driver, runner, claim } = await ranOne();
    runner.say(STARTED);
    await driver.release(claim.slot, true);
    await settled();
    expect(driver.counts()[0]).toMatchObject({ idle: 0, busy: 0 });
  });

  it('counts a claim once, also one that waited', async () => {
    const driver = newDriver(0);
    const claim = driver.claim(spec, tenant, job, new AbortController().signal);
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
    expect(runners.length).toBe(4);
  });
});
