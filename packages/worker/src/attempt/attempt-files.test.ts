/** The files that a job leaves: with a real runner, and with one that a test plays by hand where time matters. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobId, JsonObject, Outcome, TenantId, ToolName } from '@zerofleet/model';
import { FRAME, type RunJob } from '@zerofleet/protocol';
import { newRegistry, silentLogger, systemClock, type BlobStore, type Clock } from '@zerofleet/runtime';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Egress } from '../egress/egress.js';
import { SETTINGS } from '../egress/egress-bench.test.helper.js';
import { ProcessEngine } from '../engine/process-engine.js';
import type { ToolEngine } from '../engine/tool-engine.js';
import { HandClock, settled } from '../pool/hand-clock.test.helper.js';
import { PoolDriver } from '../pool/pool-driver.js';
import { PoolMetrics } from '../pool/pool-metrics.js';
import {
  ACK,
  fileOut,
  HELLO,
  HELLO_ALL,
  resultWith,
  ScriptedRunner,
  STARTED,
} from '../runner/scripted-runner.test.helper.js';
import { NO_SESSIONS } from '../session/no-sessions.test.helper.js';
import { AttemptMetrics } from './attempt-metrics.js';
import { Attempt } from './attempt.js';
import { MemoryIntake } from './memory-intake.test.helper.js';

const runnerDir = new URL('../../../../images/tools/runner', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'zf-attempt-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const jobOf = (args: JsonObject, collect: readonly string[], timeoutMs = 20_000): RunJob => ({
  id: 'j1' as JobId,
  attempt: 1,
  timeoutMs,
  payload: { kind: 'inline', bytes: 1, payload: { arguments: args, files: [], collect } },
  form: {
    tenant: 't1' as TenantId,
    tool: 'code_execution' as ToolName,
    mode: 'process',
    pool: {
      image: 'tools',
      runtime: 'runc',
      resources: { cpuMilli: 1, memoryMiB: 1, pids: 64, workMiB: 8, tmpMiB: 8 },
    },
    reuse: 'tenant',
    outputBytes: 4_096,
  },
});

let pool: PoolDriver;
let intake: MemoryIntake;
beforeEach(() => {
  intake = new MemoryIntake();
});

const start = (engine: ToolEngine, job: RunJob, clock: Clock = systemClock): Attempt => {
  const [log, registry] = [silentLogger(), newRegistry()];
  const policy = {
    ...{ budgetMiB: 640, startsMax: 1, idleMaxMs: 1e6 },
    ...{ sessionIdleMaxMs: 1e6, ageMaxMs: 1e6, usesMax: 9 },
  };
  const metrics = new PoolMetrics(registry, () => []);
  pool = new PoolDriver({ engine, clock, log, policy, stocks: [], metrics, onChange: () => undefined });
  const blobs: BlobStore = {
    put: (bytes) => intake.put(bytes),
    get: () => Promise.reject(new Error('none')),
  };
  return new Attempt(job, {
    ...{ pool, blobs, files: intake, clock, log, sessions: NO_SESSIONS, sealer: undefined },
    publish: () => undefined,
    metrics: new AttemptMetrics(newRegistry()),
    egress: new Egress({ settings: SETTINGS, tools: [], clock, log, registry: newRegistry() }),
  });
};
const outcomeOf = async (attempt: Promise<Awaited<ReturnType<Attempt['run']>>>): Promise<Outcome> => {
  const end = await attempt;
  if (end.kind !== 'outcome') throw new Error(`it ended as ${end.kind}`);
  return end.outcome;
};

describe('the files of a job', () => {
  afterEach(() => pool.close());
  const run = (code: string, collect: readonly string[]): Promise<Outcome> => {
    const scratchDir = mkdtempSync(join(folder, 'scratch-'));
    // As the test's own user: as root the runner would end every process of the job's user on this machine.
    const engine = new ProcessEngine({ python: 'python3', runnerDir, scratchDir, uidBase: undefined });
    return outcomeOf(start(engine, jobOf({ runtime: 'python', code }, collect)).run());
  };

  it('that were asked for are kept as they are, and what cannot be is listed', async () => {
    const outcome = await run(
      `
import os
os.makedirs("out/deep")
open("out/a.txt", "w").write("hello")
open("out/deep/big", "wb").write(bytes(range(256)) * 4096)
open("not-asked", "w").write("x")
os.symlink("/etc/passwd", "out/link")
os.mkfifo("out/pipe")
os.link("out/a.txt", "out/second"); os.remove("out/second")
`,
      ['out', 'nothing'],
    );
    expect(outcome.kind).toBe('succeeded');
    const files = outcome.report?.files;
    if (files?.kind !== 'inline') throw new Error('it is short');
    expect(files).toMatchObject({ count: 2, bytes: 5 + 1024 ** 2, truncated: false, skippedMore: 0 });
    const [text, big] = [...files.files].sort((a, b) => (a.path < b.path ? -1 : 1));
    expect([text?.path, big?.path]).toEqual(['out/a.txt', 'out/deep/big']);
    expect(intake.text(text?.blob ?? { sha256: '', bytes: 0 })).toBe('hello');
    expect(
      intake.stored
        .get(big?.blob.sha256 ?? '')
        ?.equals(Buffer.alloc(1024 ** 2, Buffer.from(Array.from({ length: 256 }, (_, n) => n)))),
    ).toBe(true);
    expect([...files.skipped].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: 'nothing', why: 'missing' },
      { path: 'out/link', why: 'symlink' },
      { path: 'out/pipe', why: 'special' },
    ]);
  });

  it('of one that failed are kept too', async () => {
    const outcome = await run('open("log", "w").write("why"); raise SystemExit(3)', ['.']);
    expect(outcome).toMatchObject({ kind: 'failed', report: { exitCode: 3, files: { count: 1, bytes: 3 } } });
  });

  it('are not asked for where the job does not, and none where there are none', async () => {
    const outcome = await run('pass', ['.']);
    expect(outcome.report?.files).toMatchObject({ kind: 'inline', count: 0, files: [], skipped: [] });
  });
});

describe('files that come by hand', () => {
  let runner: ScriptedRunner;
  let clock: HandClock;
  let ended: Promise<Awaited<ReturnType<Attempt['run']>>>;
  let attempt: Attempt;
  const begin = async (timeoutMs = 1_000, hello = HELLO_ALL): Promise<void> => {
    runner = new ScriptedRunner();
    clock = new HandClock();
    const opened = [runner];
    const engine = {
      open: (): Promise<ScriptedRunner> => {
        const next = opened.shift();
        return next === undefined ? new Promise(() => undefined) : Promise.resolve(next);
      },
    };
    attempt = start(engine, jobOf({}, ['out'], timeoutMs), clock);
    ended = attempt.run();
    await settled();
    runner.say(hello);
    await settled();
  };
  const go = async (): Promise<void> => {
    runner.say(ACK);
    await settled();
    runner.say(STARTED);
  };
  const FILES = { count: 1, bytes: 2, skipped: [], skippedMore: 0, truncated: false };

  it('need a runner that can give them', async () => {
    await begin(1_000, HELLO);
    expect(await outcomeOf(ended)).toMatchObject({ kind: 'failed', failure: { code: 'start_failed' } });
    expect(runner.types).not.toContain(FRAME.RUN);
  });

  it('are asked for with their limits', async () => {
    await begin();
    const run = runner.written.find(({ type }) => type === FRAME.RUN);
    expect(JSON.parse(String(run?.payload))).toMatchObject({
      collect: ['out'],
      limits: { filesBytes: 64 * 1024 ** 2, filesCount: 1_000 },
    });
    await go();
    runner.say(fileOut('out/a', Buffer.from('hi'), 1), resultWith({ files: FILES }));
    expect(await outcomeOf(ended)).toMatchObject({ kind: 'succeeded', report: { files: { count: 1 } } });
  });

  it("may take longer than the time limit, which is the tool's", async () => {
    await begin();
    await go();
    await clock.pass(900);
    runner.say(fileOut('out/a', Buffer.from('h'), 0));
    await settled();
    await clock.pass(30_000);
    expect(runner.types).not.toContain(FRAME.SIGNAL);
    runner.say(fileOut('out/a', Buffer.from('i'), 1), resultWith({ files: FILES }));
    expect(await outcomeOf(ended)).toMatchObject({
      kind: 'succeeded',
      report: { files: { files: [{ path: 'out/a' }] } },
    });
  });

  it('of a job that ran out of time come as well, and it is timed out', async () => {
    await begin();
    await go();
    await clock.pass(1_000);
    expect(runner.types).toContain(FRAME.SIGNAL);
    runner.say(fileOut('out/a', Buffer.from('hi'), 1));
    await settled();
    await clock.pass(5_000);
    expect(runner.destroyed).toBe(false);
    runner.say(resultWith({ ok: false, signal: 15, files: FILES }));
    expect(await outcomeOf(ended)).toMatchObject({ kind: 'timed_out', report: { files: { count: 1 } } });
  });

  it('that do not end end the container, and what came whole is there', async () => {
    await begin();
    await go();
    runner.say(fileOut('out/a', Buffer.from('hi'), 1), fileOut('out/b', Buffer.from('h'), 0));
    await settled();
    await clock.pass(74_999);
    expect(runner.destroyed).toBe(false);
    await clock.pass(1);
    expect(await outcomeOf(ended)).toMatchObject({
      kind: 'failed',
      failure: { code: 'container_lost' },
      report: { files: { count: 1, truncated: true, skipped: [{ path: 'out/b' }] } },
    });
  });

  it('do not hold up a cancel', async () => {
    await begin();
    await go();
    runner.say(fileOut('out/a', Buffer.from('h'), 0));
    await settled();
    attempt.stop('cancel');
    await clock.pass(1_000);
    await clock.pass(500);
    expect(runner.destroyed).toBe(true);
    expect(await outcomeOf(ended)).toMatchObject({ kind: 'cancelled', report: { files: { count: 0 } } });
  });
});
