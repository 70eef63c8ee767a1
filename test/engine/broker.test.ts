/**
 * The broker on a real engine with the real tools image.
 * Runs the built broker, as a process: what happens at its end is part of what it promises.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';

const image = inject('fleet').toolImage;
const root = new URL('../../', import.meta.url).pathname;
const pool = {
  image,
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 128, workMiB: 64, tmpMiB: 64 },
};
/** The engine's header and the frame's, before HELLO's JSON. */
const HELLO_JSON_AT = 8 + 5;
const GONE_WITHIN_MS = 5_000;

let folder: string;
let node: string;
let broker: ChildProcess;
let exited: Promise<unknown>;

const docker = (...args: string[]): string => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const left = (): string => docker('ps', '-aq', '--filter', `label=zerofleet.broker=${node}`);
const goneSoon = (): Promise<void> =>
  vi.waitFor(() => expect(left()).toBe(''), { timeout: GONE_WITHIN_MS, interval: 50 });

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly socket?: Duplex;
}

const callerOf = (worker: string) => {
  const headers = { authorization: 'Bearer docker-test', 'zf-worker': worker, 'zf-boot': randomUUID() };
  return (method: string, path: string, body?: object, more: object = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({
        socketPath: join(folder, 'broker.sock'),
        agent: false,
        method,
        path,
        headers: { ...headers, ...type, ...more },
      });
      outgoing.on('error', reject);
      outgoing.on('upgrade', (answer, socket, head) => {
        socket.unshift(head);
        socket.on('error', () => socket.destroy());
        resolve({ status: answer.statusCode ?? 0, body: '', socket });
      });
      outgoing.on('response', (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
};

type Call = ReturnType<typeof callerOf>;
const create = async (call: Call): Promise<string> => {
  const made = await call('POST', '/v1/containers', { pool });
  expect(made.status).toBe(201);
  return (JSON.parse(made.body) as { id: string }).id;
};

/** A container whose runner has greeted, and its stream. */
const attached = async (call: Call): Promise<{ id: string; stream: Duplex }> => {
  const id = await create(call);
  const upgrade = { connection: 'Upgrade', upgrade: 'zf-attach' };
  const { status, socket } = await call('GET', `/v1/containers/${id}/attach`, undefined, upgrade);
  expect(status).toBe(101);
  const stream = socket as Duplex;
  const [hello] = (await once(stream, 'data')) as [Buffer];
  expect(JSON.parse(hello.toString('utf8', HELLO_JSON_AT))).toMatchObject({ v: [1] });
  return { id, stream };
};

const startBroker = async (): Promise<void> => {
  broker = spawn(process.execPath, [join(root, 'packages/engine-broker/dist/main.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ZF_BROKER_SOCKET: join(folder, 'broker.sock'),
      ZF_BROKER_TOKEN_FILE: join(folder, 'token'),
      ZF_BROKER_IMAGES: image,
      ZF_NODE: node,
      ZF_SECCOMP_FILE: join(root, 'images/seccomp.json'),
      ZF_ADMIN_PORT: '0',
    },
  });
  exited = once(broker, 'exit');
  if (broker.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(broker.stdout)) if (line.includes('broker_listening')) break;
  broker.stdout.resume();
};

describe('the broker on a real engine', () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-broker-'));
    node = `test-${randomUUID().slice(0, 8)}`;
    writeFileSync(join(folder, 'token'), 'docker-test');
    await startBroker();
  });
  afterEach(async () => {
    broker.kill('SIGKILL');
    await exited;
    await goneSoon();
    rmSync(folder, { recursive: true });
  });

  it('makes containers with every limit and no way out', async () => {
    const { id } = await attached(callerOf('w1'));
    const [found] = JSON.parse(docker('inspect', id)) as [
      { HostConfig: object; Config: object; Mounts: unknown[] },
    ];
    expect(found.HostConfig).toMatchObject({
      AutoRemove: true,
      Binds: null,
      CapDrop: ['ALL'],
      Devices: null,
      Init: true,
      IpcMode: 'private',
      LogConfig: { Type: 'none' },
      Memory: 256 * 1024 ** 2,
      MemorySwap: 256 * 1024 ** 2,
      NanoCpus: 1e9,
      NetworkMode: 'none',
      PidsLimit: 128,
      Privileged: false,
      ReadonlyRootfs: true,
    });
    expect(found.Config).toMatchObject({ OpenStdin: true, StdinOnce: true, Tty: false });
    expect(found.Mounts).toEqual([]);
  });

  it('ends a container when its caller is gone, also one that does not listen any more', async () => {
    const { id, stream } = await attached(callerOf('w1'));
    docker('pause', id);
    stream.destroy();
    await goneSoon();
  });

  it("ends the caller's connection when the container ends", async () => {
    const { id, stream } = await attached(callerOf('w1'));
    const closed = once(stream, 'close');
    docker('kill', id);
    await closed;
    await goneSoon();
  });

  it('ends a container while its reader stalls', async () => {
    const call = callerOf('w1');
    const { id, stream } = await attached(call);
    stream.pause();
    expect((await call('DELETE', `/v1/containers/${id}`)).status).toBe(204);
    await goneSoon();
  });

  it("ends the containers of a worker's older boot", async () => {
    await attached(callerOf('w1'));
    expect((await callerOf('w1')('GET', '/v1/containers')).body).toBe('{"containers":[]}');
    await goneSoon();
  });

  it('leaves nothing when it is told to stop with containers attached', async () => {
    await attached(callerOf('w1'));
    broker.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    await goneSoon();
  });

  it('leaves nothing when it is killed', async () => {
    await attached(callerOf('w1'));
    broker.kill('SIGKILL');
    await exited;
    await goneSoon();
  });

  it('sweeps what an earlier life left', async () => {
    broker.kill('SIGKILL');
    await exited;
    const labels = ['--label', 'zerofleet.role=tool', '--label', `zerofleet.broker=${node}`];
    docker('create', '--network', 'none', ...labels, image);
    await startBroker();
    await goneSoon();
  });

  it('refuses a runtime that the engine does not list', async () => {
    const runtimes = Object.keys(JSON.parse(docker('info', '--format', '{{json .Runtimes}}')) as object);
    if (runtimes.includes('runsc')) return;
    const made = await callerOf('w1')('POST', '/v1/containers', { pool: { ...pool, runtime: 'runsc' } });
    expect(made.status).toBe(400);
    expect(left()).toBe('');
  });
});
