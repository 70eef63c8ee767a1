/**
 * Worker, broker and dockerd die under load, on a real engine: no tool container outlives its worker by 30 s, the pool is back
 * at its target within 60 s, and no job that is to be started once is started twice.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PartName } from '@zerofleet/launch';
import { FINAL_STAGES, type JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { eventually } from '../fleet/eventually.js';
import { Rig } from '../fleet/rig.js';
import { testSession } from '../fleet/session.js';
import { Marks } from './warm/marks.js';

const JOBS = 60;
const SUBMITTERS = 6;
/** The crash comes when so many jobs have been seen running. */
const CRASH_AFTER = 12;
const JOB_S = 1;
/** Jobs that run at once. */
const SLOTS = 8;
/** Of the jobs, so many are seen on any machine; one that sees fewer would not see a second start either. */
const SEEN_SHARE = 0.8;
const GONE_WITHIN_MS = 30_000;
const REFILLED_WITHIN_MS = 60_000;
const ENDED_WITHIN_MS = 180_000;
/** What a job ends with that ran when its worker, container or engine died. One that waited then does not fail at all. */
const CRASH_CODES = new Set(['worker_lost', 'container_lost']);

const session = testSession();
let rig: Rig;
let client: ZerofleetClient;

/** The pool holds what it wants to hold, by its own word and by the engine's. */
const refilled = async (): Promise<true | undefined> => {
  const pools = (await rig.pools()) ?? [];
  const target = pools.reduce((sum, pool) => sum + pool.target, 0);
  const isFull = target > 0 && pools.every((pool) => pool.warm >= pool.target);
  return isFull && (await rig.containers().catch(() => [])).length >= target ? true : undefined;
};

/** Of `before`, none is left. */
const goneOf = (before: readonly string[]) => async (): Promise<true | undefined> => {
  const now = new Set(await rig.containers().catch(() => before));
  return before.some((id) => now.has(id)) ? undefined : true;
};

/** Submits a job until it is accepted. */
const submitted = (mark: string): Promise<JobView> => {
  const code = `exec -a "$1" sleep ${JOB_S}`;
  const job = { tool: 'code_execution', arguments: { runtime: 'terminal', code, args: [mark] } };
  const submit = (): Promise<JobView | undefined> =>
    client.submit({ ...job, maxAttempts: 1 }, { idempotencyKey: mark }).catch(() => undefined);
  return eventually(`${mark} accepted`, submit, ENDED_WITHIN_MS, 200);
};

/** Runs jobs, lets `crash` happen in the middle of them, and audits every one when all have ended. */
const underLoad = async (crash: () => Promise<string>): Promise<string> => {
  const run = randomUUID().slice(0, 8);
  const marks = new Marks(`zf-crash-${run}-`);
  const accepted = new Map<string, string>();
  const queue = Array.from({ length: JOBS }, (_, n) => `zf-crash-${run}-${n}`);
  const submitter = async (): Promise<void> => {
    for (let mark = queue.shift(); mark !== undefined; mark = queue.shift()) {
      const { id } = await submitted(mark);
      accepted.set(mark, id);
      if (accepted.size % SUBMITTERS === 0) await client.wait(id, { timeoutMs: ENDED_WITHIN_MS });
    }
  };
  try {
    const submitting = Promise.all(Array.from({ length: SUBMITTERS }, submitter));
    await eventually('jobs run', async () => (marks.size >= CRASH_AFTER ? true : undefined), 60_000);
    const times = await crash();
    await submitting;
    const ends: Record<string, number> = {};
    let seen = 0;
    const wrong: string[] = [];
    for (const [mark, id] of accepted) {
      const job = await client.wait(id, { timeoutMs: ENDED_WITHIN_MS });
      const how = job.stage === 'succeeded' ? job.stage : (job.error?.code ?? job.stage);
      ends[how] = (ends[how] ?? 0) + 1;
      const runs = marks.count(mark);
      if (!FINAL_STAGES.has(job.stage) || (how !== 'succeeded' && !CRASH_CODES.has(how)))
        wrong.push(`${mark} ended as ${how}: ${JSON.stringify(job.error)}`);
      if (runs > 1) wrong.push(`${mark} ran ${runs} times and is ${how}`);
      seen += Math.min(runs, 1);
    }
    expect(wrong).toEqual([]);
    expect(accepted.size).toBe(JOBS);
    // What ran when it crashed, and nothing else, is lost.
    expect(JOBS - (ends['succeeded'] ?? 0)).toBeLessThanOrEqual(SLOTS);
    expect(seen, 'jobs that were seen to run').toBeGreaterThan(JOBS * SEEN_SHARE);
    return `${times}; ${JSON.stringify(ends)}`;
  } finally {
    marks.stop();
  }
};

/** Lets `crash` happen, and waits for what must hold after it; says how long each took. */
const crashing = (crash: () => unknown) => async (): Promise<string> => {
  const before = await rig.containers();
  expect(before.length).toBeGreaterThan(0);
  const crashedMs = performance.now();
  const tookS = (): string => ((performance.now() - crashedMs) / 1_000).toFixed(1);
  await crash();
  await eventually('no container of before', goneOf(before), GONE_WITHIN_MS);
  const goneS = tookS();
  await eventually('the pool full again', refilled, REFILLED_WITHIN_MS - Number(goneS) * 1_000);
  return `all gone after ${goneS} s, full again after ${tookS()} s`;
};

const kill = (...names: readonly PartName[]) =>
  crashing(() => {
    for (const name of names) expect(rig.fleet.part(name).kill('SIGKILL')).toBeDefined();
  });

/** Only where it is asked for: README says why. */
const ENGINE_KILL: [string, () => Promise<string>][] =
  process.env['ZF_CRASH_ENGINE'] === 'kill'
    ? [['kill -9 of dockerd', () => crashing(() => rig.engine.kill('SIGKILL'))()]]
    : [];

describe('a crash under load', () => {
  beforeAll(async () => {
    rig = await Rig.start(session, {
      env: { ZF_WORKER_CPU_MILLI: `${SLOTS * 1_000}`, ZF_WARM_MAX: '6' },
    });
    client = new ZerofleetClient({ urls: [rig.fleet.apiUrl], apiKey: rig.fleet.apiKey });
    await eventually('the pool full', refilled, REFILLED_WITHIN_MS);
  }, 600_000);
  afterAll(() => session.close(), 120_000);

  it.each<[string, () => Promise<string>]>([
    ['kill -9 of the worker', () => kill('worker')()],
    ['kill -9 of the broker', () => kill('broker')()],
    ['kill -9 of both at once', () => kill('broker', 'worker')()],
    ['a restart of dockerd', () => crashing(() => rig.engine.restart())()],
    ...ENGINE_KILL,
  ])('%s leaves no container, and starts nothing twice', async (what, crash) => {
    process.stdout.write(`  ${what}: ${await underLoad(crash)}\n`);
    await eventually('the pool full at the end', refilled, REFILLED_WITHIN_MS);
  });

  it.each<PartName>(['worker', 'broker'])('%s that stays away takes every container along', async (name) => {
    expect((await rig.containers()).length).toBeGreaterThan(0);
    await rig.fleet.part(name).stop('SIGKILL');
    const none = async (): Promise<true | undefined> =>
      (await rig.containers()).length === 0 ? true : undefined;
    await eventually('no container', none, GONE_WITHIN_MS);
    await rig.fleet.part(name).start();
    await eventually('the pool full again', refilled, REFILLED_WITHIN_MS);
  });
});
