/** The hostile calls against the broker's server, with an engine that notes what it is asked for: nothing. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BrokerServer,
  Callers,
  Containers,
  Images,
  type DockerEngine,
  type DockerImages,
} from '@zerofleet/engine-broker';
import { silentLogger } from '@zerofleet/runtime';
import { callWith, type Ground } from './ground.js';
import { HOSTILE_CALLS } from './hostile/all.js';
import { exchange } from './wire.js';

const TOKEN = 'right-token';
const IMAGE = 'registry.example:5000/zerofleet/tools:1';
const folder = mkdtempSync(join(tmpdir(), 'zf-broker-'));
const socketPath = join(folder, 'broker.sock');

const asked: string[] = [];
const idOf = (n: number): string => n.toString(16).padStart(64, 'a');
let made = 0;
const engine = {
  create: (name: string) => {
    asked.push(`create ${name}`);
    made += 1;
    return Promise.resolve(idOf(made));
  },
  attachAndStart: (id: string) => {
    asked.push(`start ${id}`);
    return Promise.resolve(new PassThrough());
  },
  destroy: (id: string) => {
    asked.push(`destroy ${id}`);
    return Promise.resolve();
  },
  ping: () => Promise.resolve(),
  demandRuntime: () => Promise.resolve(),
  list: () => Promise.resolve([]),
  info: () => Promise.resolve({ version: '1', runtimes: ['runc'] }),
} as unknown as DockerEngine;
const imageId = (letter: string): string => `sha256:${letter.repeat(64)}`;
const dockerImages = {
  find: () => Promise.resolve({ id: imageId('1'), digests: [] }),
  pull: (reference: string) => {
    asked.push(`pull ${reference}`);
    return Promise.resolve();
  },
  list: () =>
    Promise.resolve([
      { id: imageId('1'), tags: [IMAGE], digests: [], bytes: 1 },
      { id: imageId('2'), tags: ['debian:12'], digests: [], bytes: 1 },
    ]),
  inUse: () => Promise.resolve(new Set([imageId('1')])),
  remove: (name: string) => {
    asked.push(`remove ${name}`);
    return Promise.resolve();
  },
  disk: () => Promise.resolve({ usedBytes: 1, totalBytes: 2 }),
} as unknown as DockerImages;
const log = silentLogger();
const containersMax = 4;
const containers = new Containers({ engine, broker: 'n1', seccomp: '{}', startsMax: 1, containersMax, log });
const callers = new Callers(['w1', 'w2']);
const server = new BrokerServer({
  token: TOKEN,
  images: new Images(dockerImages, [IMAGE]),
  callers,
  containers,
  containersMax,
  engine,
  log,
});
let ground: Ground;

describe('hostile calls', () => {
  beforeAll(async () => {
    await server.listen(socketPath, 0);
    const worker = { socketPath, token: TOKEN, image: IMAGE, worker: 'w1', boot: randomUUID() };
    const deadBoot = randomUUID();
    await callWith({ ...worker, boot: deadBoot }).list();
    const own = callWith(worker);
    const { id: attached } = await own.attached();
    const ended = await own.create();
    await own.end(ended);
    const { id: foreign } = await callWith({ ...worker, worker: 'w2', boot: randomUUID() }).attached();
    ground = {
      ...worker,
      deadBoot,
      attached,
      ended,
      foreign,
      imageInUse: imageId('1'),
      imageOfOthers: imageId('2'),
      elsewhere: 'c'.repeat(64),
      ordinary: 'd'.repeat(64),
    };
    asked.splice(0);
  });
  afterAll(async () => {
    await server.close();
    await containers.close();
    rmSync(folder, { recursive: true });
  });

  it('are more than a hundred, no two alike', () => {
    const sent = HOSTILE_CALLS.map(({ send }) => send(ground).toString('latin1'));
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent.length).toBeGreaterThan(100);
  });

  it.each(HOSTILE_CALLS)('$group: $what', async ({ send, refused }) => {
    const answers = await exchange(socketPath, send(ground));
    expect(answers.map(({ status, code }) => `${status} ${code}`)).toEqual(refused);
    expect(asked).toEqual([]);
  });
});
