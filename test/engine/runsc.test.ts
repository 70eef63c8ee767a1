/**
 * Tools that demand gVisor, each on a Docker engine of its own: where the engine has no runsc they fail at once and say why,
 * and where it has one their jobs run on gVisor's kernel.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFINITIONS, Session, which } from '@zerofleet/launch';
import type { JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { outputOf } from '../fleet/client.js';
import { Rig, type RigOptions } from '../fleet/rig.js';

const TIMEOUT_MS = 60_000;
/** A job that could never start hears of it in much less than the time that failed starts take. */
const REFUSED_WITHIN_MS = 3_000;
/** Containers have no network but loopback, so that runsc needs none of the host's. */
const RUNSC_ARGS = ['--network=none', '--platform=ptrace'];
/** What gVisor's kernel says it is. */
const GVISOR = /^Linux version 4\.4\.0/;

const usualEngine = process.env['DOCKER_HOST'];
const runsc = await which('runsc');
const isRoot = process.getuid?.() === 0;
let session: Session;
let folder: string;
let rig: Rig;
let client: ZerofleetClient;

/** The repository's definitions; all tools but echo demand gVisor. */
const writeDefinitions = (): void => {
  for (const name of readdirSync(DEFINITIONS)) {
    const tool = JSON.parse(readFileSync(join(DEFINITIONS, name), 'utf8')) as { name: string };
    const runtime = tool.name === 'echo' ? 'runc' : 'runsc';
    writeFileSync(join(folder, name), JSON.stringify({ ...tool, runtime }));
  }
};

const startWith = async (options: RigOptions): Promise<void> => {
  session = new Session();
  folder = mkdtempSync(join(tmpdir(), 'zf-tools-'));
  writeDefinitions();
  rig = await Rig.start(session, { toolsDir: folder, ...options });
  client = new ZerofleetClient({ urls: [rig.fleet.apiUrl], apiKey: rig.fleet.apiKey });
};
const stop = async (): Promise<void> => {
  await session.close();
  rmSync(folder, { recursive: true });
  if (usualEngine === undefined) delete process.env['DOCKER_HOST'];
  else process.env['DOCKER_HOST'] = usualEngine;
};

const run = async (tool: string, args: object, more: object = {}): Promise<JobView> => {
  const { id } = await client.submit({ tool, arguments: { ...args }, ...more });
  return client.wait(id, { timeoutMs: TIMEOUT_MS });
};
const terminal = (code: string, more: object = {}): Promise<JobView> =>
  run('code_execution', { runtime: 'terminal', code }, more);

describe.runIf(isRoot)('a tool that demands gVisor, on an engine without it', () => {
  beforeAll(() => startWith({}));
  afterAll(stop);

  it('fails at once with the reason, again and again, and its node stays ready for others', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const startedMs = performance.now();
      const { stage, error } = await terminal('true');
      expect(stage).toBe('failed');
      expect(error).toMatchObject({ code: 'start_failed' });
      expect(error?.message).toContain('the runtime runsc, which this node');
      expect(performance.now() - startedMs).toBeLessThan(REFUSED_WITHIN_MS);
    }
    expect(await run('echo', { text: 'still here' })).toMatchObject({ stage: 'succeeded' });
    expect((await fetch(`${rig.fleet.adminUrls.worker}/readyz`)).status).toBe(200);
  });
});

describe.runIf(isRoot && runsc !== undefined)('a tool that demands gVisor, on an engine with it', () => {
  beforeAll(() => startWith({ runtimes: { runsc: { path: runsc ?? '', runtimeArgs: RUNSC_ARGS } } }));
  afterAll(stop);
  afterEach(async () => {
    expect(await run('echo', { text: 'on runc' })).toMatchObject({ stage: 'succeeded' });
  });

  it("runs on gVisor's kernel, and others beside it on the host's", async () => {
    const job = await terminal('cat /proc/version; id -u');
    expect(job).toMatchObject({ stage: 'succeeded' });
    expect(outputOf(job).toString()).toMatch(GVISOR);
    expect(outputOf(job).toString()).not.toMatch(/\n0\n$/);
  });

  it.each(['python', 'nodejs'])('runs %s', async (runtime) => {
    const code = runtime === 'python' ? 'print(6 * 7)' : 'console.log(6 * 7)';
    const job = await run('code_execution', { runtime, code });
    expect([job.stage, outputOf(job).toString()]).toEqual(['succeeded', '42\n']);
  });

  it('wipes what a job left before the next one of its tenant', async () => {
    expect(await terminal('echo mine > /work/left; sleep 1000 & disown')).toMatchObject({
      stage: 'succeeded',
    });
    const look =
      'cd /work; shopt -s nullglob dotglob; echo *; grep -l "[s]leep.1000" /proc/[0-9]*/cmdline; true';
    const next = await terminal(look);
    expect(outputOf(next).toString()).toBe('\n');
  });

  it('ends a job that does not listen at its deadline', async () => {
    const startedMs = performance.now();
    const job = await terminal(`trap '' TERM; while :; do :; done`, { timeoutMs: 1_000 });
    expect(job.stage).toBe('timed_out');
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  it('has no way out', async () => {
    const job = await terminal('exec 3<>/dev/tcp/1.1.1.1/80 && echo out; touch /etc/x && echo written; true');
    expect(outputOf(job).toString()).not.toMatch(/^(out|written)$/m);
  });
});
