/**
 * Tools that demand gVisor: where the engine has no runsc they fail at once and say why, and where it has one their jobs run on
 * gVisor's kernel. Each on a Docker engine of its own; without root, which starts one, on the usual one as it is. The first is
 * tried everywhere, the second where there is a runsc.
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  DEFINITIONS,
  docker,
  startEmbedded,
  which,
  type EmbeddedFleet,
  type Session,
} from '@zerofleet/launch';
import type { JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { call, poolOf } from '../broker/ground.js';
import { outputOf } from '../fleet/client.js';
import { Rig } from '../fleet/rig.js';
import { testSession } from '../fleet/session.js';
import { BrokerProcess } from './broker-process.js';

const TIMEOUT_MS = 60_000;
/** A job that could never start hears of it in much less than the time that failed starts take. */
const REFUSED_WITHIN_MS = 3_000;
/** Containers have no network but loopback, so that runsc needs none of the host's. */
const RUNSC_ARGS = ['--network=none', '--platform=ptrace'];
/** What gVisor's kernel says it is. */
const GVISOR = /^Linux version 4\.4\.0/;

const isRoot = process.getuid?.() === 0;
const runsc = await which('runsc');
const usualHasRunsc = async (): Promise<boolean> =>
  (await docker(['info', '--format', '{{json .Runtimes}}'])).includes('"runsc"');
const canRun = isRoot ? runsc !== undefined : await usualHasRunsc();
let session: Session;
let folder: string;
let fleet: EmbeddedFleet;
let client: ZerofleetClient;

/** The repository's definitions; all tools but echo demand gVisor. */
const writeDefinitions = (): void => {
  for (const name of readdirSync(DEFINITIONS)) {
    const tool = JSON.parse(readFileSync(join(DEFINITIONS, name), 'utf8')) as { name: string };
    const runtime = tool.name === 'echo' ? 'runc' : 'runsc';
    writeFileSync(join(folder, name), JSON.stringify({ ...tool, runtime }));
  }
};

const fleetOn = async (kind: 'with' | 'without'): Promise<EmbeddedFleet> => {
  if (!isRoot) {
    if ((await usualHasRunsc()) !== (kind === 'with'))
      throw new Error(`without root the engine must be one ${kind} runsc; run it as root`);
    return startEmbedded(session, { mode: 'warm', toolsDir: folder, report: () => undefined });
  }
  const runtimes = { runsc: { path: runsc ?? '', runtimeArgs: RUNSC_ARGS } };
  return (await Rig.start(session, { toolsDir: folder, ...(kind === 'with' ? { runtimes } : {}) })).fleet;
};

const startOn = async (kind: 'with' | 'without'): Promise<void> => {
  session = testSession();
  folder = mkdtempSync(join(tmpdir(), 'zf-tools-'));
  session.make({ kind: 'folder', path: folder });
  writeDefinitions();
  fleet = await fleetOn(kind);
  client = new ZerofleetClient({ urls: [fleet.apiUrl], apiKey: fleet.apiKey });
};
const stop = (): Promise<void> => session.close();

const run = async (tool: string, args: object, more: object = {}): Promise<JobView> => {
  const { id } = await client.submit({ tool, arguments: { ...args }, ...more });
  return client.wait(id, { timeoutMs: TIMEOUT_MS });
};
const terminal = (code: string, more: object = {}): Promise<JobView> =>
  run('code_execution', { runtime: 'terminal', code }, more);

describe('a tool that demands gVisor, on an engine without it', () => {
  beforeAll(() => startOn('without'));
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
    expect((await fetch(`${fleet.adminUrls.worker}/readyz`)).status).toBe(200);
  });

  it('is refused by the broker too, whatever its worker knows', async () => {
    const image = inject('engine').toolImage;
    const [, engine = '/var/run/docker.sock'] = (process.env['DOCKER_HOST'] ?? '').split('unix://');
    const broker = new BrokerProcess([image], { ZF_DOCKER_SOCKET: engine });
    try {
      await broker.start();
      const pool = { ...poolOf(image), runtime: 'runsc' };
      const { status, body } = await call(broker.caller('w1', image), 'POST', '/v1/containers', { pool });
      expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([409, 'runtime_missing']);
      expect(broker.containers()).toEqual([]);
    } finally {
      await broker.remove();
    }
  });
});

// README.md says that these need a runsc.
describe.runIf(canRun)('a tool that demands gVisor, on an engine with it', () => {
  beforeAll(() => startOn('with'));
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
