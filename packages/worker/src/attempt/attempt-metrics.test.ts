/** What is said of an attempt's start, with a runner and a clock that the test plays. */
import { expect, it } from 'vitest';
import type { JobId, TenantId, ToolName } from '@zerofleet/model';
import type { RunJob } from '@zerofleet/protocol';
import { newRegistry, silentLogger, type BlobStore, type Clock } from '@zerofleet/runtime';
import { Egress } from '../egress/egress.js';
import { SETTINGS } from '../egress/egress-bench.test.helper.js';
import { PoolDriver } from '../pool/pool-driver.js';
import { NO_SESSIONS } from '../session/no-sessions.test.helper.js';
import { PoolMetrics } from '../pool/pool-metrics.js';
import { ACK, HELLO, resultWith, ScriptedRunner, STARTED } from '../runner/scripted-runner.test.helper.js';
import { AttemptMetrics } from './attempt-metrics.js';
import { Attempt } from './attempt.js';

const job: RunJob = {
  id: 'j1' as JobId,
  attempt: 1,
  timeoutMs: 1_000,
  payload: { kind: 'inline', bytes: 1, payload: { arguments: {}, files: [] } },
  form: {
    tenant: 't1' as TenantId,
    tool: 'echo' as ToolName,
    mode: 'warm',
    pool: {
      image: 'tools',
      runtime: 'runc',
      resources: { cpuMilli: 1, memoryMiB: 1, pids: 9, workMiB: 8, tmpMiB: 8 },
    },
    reuse: 'tenant',
    outputBytes: 1,
  },
};
const blobs: BlobStore = { put: () => Promise.reject(new Error()), get: () => Promise.reject(new Error()) };
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('a start is timed from GO, its handover from the question for a container', async () => {
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, wallMs: () => nowMs, after: () => () => undefined };
  const registry = newRegistry();
  const runner = new ScriptedRunner();
  const first = [runner];
  const pool = new PoolDriver({
    // The pool begins a second one for stock, which never comes.
    engine: {
      open: () => (first.shift() === undefined ? new Promise(() => undefined) : Promise.resolve(runner)),
    },
    clock,
    log: silentLogger(),
    policy: {
      budgetMiB: 640,
      startsMax: 4,
      idleMaxMs: 1e6,
      sessionIdleMaxMs: 1e6,
      ageMaxMs: 1e6,
      usesMax: 9,
    },
    stocks: [],
    metrics: new PoolMetrics(registry, () => []),
    onChange: () => undefined,
  });
  const tools = {
    pool,
    blobs,
    clock,
    log: silentLogger(),
    publish: () => undefined,
    sealer: undefined,
    sessions: NO_SESSIONS,
    egress: new Egress({
      settings: SETTINGS,
      tools: [],
      clock,
      log: silentLogger(),
      registry: newRegistry(),
    }),
  };
  const ended = new Attempt(job, { ...tools, metrics: new AttemptMetrics(registry) }).run();
  const afterMs = async (ms: number, ...frames: Buffer[]): Promise<void> => {
    await settled();
    nowMs += ms;
    runner.say(...frames);
  };
  await afterMs(200, HELLO);
  await afterMs(20, ACK);
  await afterMs(4, STARTED, resultWith({}));
  expect(await ended).toMatchObject({ kind: 'outcome', outcome: { kind: 'succeeded' } });
  const text = await registry.metrics();
  expect(text).toContain('zf_attempt_start_seconds_sum 0.004');
  expect(text).toContain('zf_attempt_handover_seconds_sum{how="cold"} 0.224');
});
