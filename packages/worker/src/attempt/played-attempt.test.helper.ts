/** An attempt with a runner and a clock that a test plays. */
import type { JobId, TenantId, ToolName } from '@zerofleet/model';
import type { RunJob } from '@zerofleet/protocol';
import { newRegistry, silentLogger, type BlobStore } from '@zerofleet/runtime';
import { Egress } from '../egress/egress.js';
import { SETTINGS } from '../egress/egress-bench.test.helper.js';
import { HandClock } from '../pool/hand-clock.test.helper.js';
import { PoolDriver } from '../pool/pool-driver.js';
import { PoolMetrics } from '../pool/pool-metrics.js';
import { ScriptedRunner } from '../runner/scripted-runner.test.helper.js';
import { NO_SESSIONS } from '../session/no-sessions.test.helper.js';
import { AttemptMetrics } from './attempt-metrics.js';
import { Attempt } from './attempt.js';
import { MemoryIntake } from './memory-intake.test.helper.js';

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
const POLICY = {
  ...{ budgetMiB: 640, startsMax: 4, usesMax: 9 },
  ...{ idleMaxMs: 1e6, sessionIdleMaxMs: 1e6, ageMaxMs: 1e6 },
};

export const playedAttempt = () => {
  const [clock, registry, runner, log] = [
    new HandClock(),
    newRegistry(),
    new ScriptedRunner(),
    silentLogger(),
  ];
  const first = [runner];
  const pool = new PoolDriver({
    // The pool begins a second one for stock, which never comes.
    engine: {
      open: () => (first.shift() === undefined ? new Promise(() => undefined) : Promise.resolve(runner)),
    },
    ...{ clock, log, policy: POLICY },
    stocks: [],
    metrics: new PoolMetrics(registry, () => []),
    onChange: () => undefined,
  });
  const attempt = new Attempt(job, {
    ...{ pool, blobs, files: new MemoryIntake(), clock, log, sealer: undefined, sessions: NO_SESSIONS },
    publish: () => undefined,
    metrics: new AttemptMetrics(registry),
    egress: new Egress({ settings: SETTINGS, tools: [], clock, log, registry: newRegistry() }),
  });
  return { attempt, runner, clock, registry };
};
