/** The engine behind a broker that a test plays, on a real socket: what is waited for, and what was lost. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BootId, PoolSpec, WorkerId } from '@zerofleet/model';
import { BROKER_STATUS, type BrokerCode } from '@zerofleet/protocol';
import { BrokerClient } from './broker-client.js';
import { BrokerEngine } from './broker-engine.js';
import { BrokerImages } from './broker-images.js';

const spec: PoolSpec = {
  image: 'tools:1',
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB: 64, pids: 32, workMiB: 8, tmpMiB: 8 },
};
const ID = 'a'.repeat(64);

/** A broker that answers as it is told, and notes what it was asked. */
class PlayedBroker {
  readonly asked: string[] = [];
  life = 'life-1';
  /** What a call is refused with; the first entry goes with the first such call. */
  readonly refusals = new Map<string, BrokerCode[]>();
  readonly attached: Duplex[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((ask, answer) => this.answer(ask, answer));
    this.server.on('upgrade', (_ask: IncomingMessage, socket: Duplex) => {
      this.asked.push('attach');
      this.attached.push(socket);
      socket.on('error', () => undefined);
      const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: zf-attach'];
      socket.write(`${lines.join('\r\n')}\r\nzf-broker-life: ${this.life}\r\n\r\n`);
    });
  }

  async listen(path: string): Promise<void> {
    this.server.listen(path);
    await once(this.server, 'listening');
  }

  async close(): Promise<void> {
    for (const socket of this.attached) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(ask: IncomingMessage, answer: ServerResponse): void {
    const name = `${ask.method ?? ''} ${ask.url?.replace(ID, 'ID') ?? ''}`;
    this.asked.push(name);
    answer.setHeader('zf-broker-life', this.life);
    const code = this.refusals.get(name)?.shift();
    answer.statusCode = code === undefined ? 200 : BROKER_STATUS[code];
    answer.end(JSON.stringify(code === undefined ? { id: ID, containers: [] } : { code, error: 'said so' }));
  }
}

let folder: string;
let path: string;
let broker: PlayedBroker;
const engineAt = (socketPath: string): BrokerEngine => {
  const who = { token: 't', worker: 'w1' as WorkerId, boot: 'b' as BootId };
  const client = new BrokerClient({ socketPath, ...who });
  return new BrokerEngine(client, new BrokerImages(client));
};
const endOf = (pipe: Awaited<ReturnType<BrokerEngine['open']>>) =>
  new Promise<{ reason: string; lost: boolean }>((resolve) => {
    pipe.onEnd((reason, lost) => resolve({ reason, lost }));
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-played-'));
  path = join(folder, 'broker.sock');
  broker = new PlayedBroker();
});
afterEach(async () => {
  await broker.close();
  rmSync(folder, { recursive: true });
});

describe('starting a container', () => {
  it('waits for a broker that is not there yet', async () => {
    const opening = engineAt(path).open(spec);
    await new Promise((resolve) => setImmediate(resolve));
    await broker.listen(path);
    expect((await opening).id).toBe(ID.slice(0, 12));
  });

  it('waits for an engine that is away', async () => {
    broker.refusals.set('POST /v1/containers', ['engine_away', 'engine_away']);
    await broker.listen(path);
    await engineAt(path).open(spec);
    expect(broker.asked).toEqual([
      'POST /v1/containers',
      'POST /v1/containers',
      'POST /v1/containers',
      'attach',
    ]);
  });

  it('gives up the waiting when it is closed', async () => {
    const engine = engineAt(path);
    const opening = engine.open(spec);
    engine.close();
    await expect(opening).rejects.toThrow(/away/);
  });

  it('does not wait where the broker refuses', async () => {
    broker.refusals.set('POST /v1/containers', ['full']);
    await broker.listen(path);
    await expect(engineAt(path).open(spec)).rejects.toThrow('the engine broker answered 429: said so');
    expect(broker.asked).toHaveLength(1);
  });

  it('fetches the image first where the node has none', async () => {
    broker.refusals.set('POST /v1/containers', ['image_missing']);
    await broker.listen(path);
    await engineAt(path).open(spec);
    const create = 'POST /v1/containers';
    expect(broker.asked).toEqual([create, 'POST /v1/images/pull', create, 'attach']);
  });

  it('says why the image cannot be fetched', async () => {
    broker.refusals.set('POST /v1/containers', ['image_missing']);
    broker.refusals.set('POST /v1/images/pull', ['engine_failed']);
    await broker.listen(path);
    await expect(engineAt(path).open(spec)).rejects.toThrow('the engine broker answered 502: said so');
  });
});

describe('the end of a container', () => {
  it('is its own while broker and engine are there', async () => {
    await broker.listen(path);
    const ended = endOf(await engineAt(path).open(spec));
    broker.attached[0]?.destroy();
    expect(await ended).toEqual({ reason: 'the container ended', lost: false });
  });

  it.each<[string, () => void]>([
    ['another life of the broker', () => (broker.life = 'life-2')],
    ['an engine that is away', () => broker.refusals.set('GET /v1/containers', ['engine_away'])],
  ])('is that of all its neighbours with %s', async (_what, change) => {
    await broker.listen(path);
    const ended = endOf(await engineAt(path).open(spec));
    change();
    broker.attached[0]?.destroy();
    expect((await ended).lost).toBe(true);
  });

  it('is that of all its neighbours when the broker is gone', async () => {
    await broker.listen(path);
    const ended = endOf(await engineAt(path).open(spec));
    await broker.close();
    expect((await ended).lost).toBe(true);
  });
});
