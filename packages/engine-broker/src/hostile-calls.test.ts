/** Calls that a broken or taken-over worker could make. None may reach the engine; each gets a typed refusal. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '@zerofleet/runtime';
import { Containers } from './containers.js';
import type { DockerEngine } from './docker-engine.js';
import { newBrokerServer } from './server.js';

const TOKEN = 'right-token';
const BOOT = '11111111-1111-4111-8111-111111111111';
const OWN = 'a'.repeat(64);
const folder = mkdtempSync(join(tmpdir(), 'zf-broker-'));
const socketPath = join(folder, 'broker.sock');
const pool = {
  image: 'tools:1',
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB: 64, pids: 32, workMiB: 8, tmpMiB: 8 },
};

const calls: string[] = [];
const engine = {
  create: (): Promise<string> => {
    calls.push('create');
    return Promise.resolve(OWN);
  },
  attachAndStart: () => {
    calls.push('start');
    return Promise.resolve(new PassThrough());
  },
  destroy: (): Promise<void> => {
    calls.push('destroy');
    return Promise.resolve();
  },
  list: () => Promise.resolve([]),
} as unknown as DockerEngine;
const containers = new Containers({
  engine,
  broker: 'n1',
  seccomp: '{}',
  startsMax: 1,
  containersMax: 4,
  log: silentLogger(),
});
const server = newBrokerServer({
  token: TOKEN,
  images: ['tools:1'],
  containers,
  engine,
  log: silentLogger(),
});

const good = { authorization: `Bearer ${TOKEN}`, 'zf-worker': 'w1', 'zf-boot': BOOT };
interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const statusOf = ({
  method = 'POST',
  path = '/v1/containers',
  headers = good,
  body,
}: Call): Promise<number> =>
  new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, method, path, agent: false, headers: { ...type, ...headers } });
    outgoing.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    outgoing.on('upgrade', (_answer, socket) => {
      socket.destroy();
      resolve(101);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });

const json = (value: unknown): string => JSON.stringify(value);
const withPool = (change: object): string => json({ pool: { ...pool, ...change } });
const withResources = (change: object): string => withPool({ resources: { ...pool.resources, ...change } });
const upgrade = { ...good, connection: 'Upgrade', upgrade: 'zf-attach' };

const refused: readonly (readonly [string, number, Call])[] = [
  ['no token', 401, { headers: { 'zf-worker': 'w1', 'zf-boot': BOOT }, body: json({ pool }) }],
  ['a wrong token', 401, { headers: { ...good, authorization: 'Bearer wrong' }, body: json({ pool }) }],
  [
    'a token with a tail',
    401,
    { headers: { ...good, authorization: `Bearer ${TOKEN}x` }, body: json({ pool }) },
  ],
  [
    'a token that is a prefix',
    401,
    { headers: { ...good, authorization: `Bearer ${TOKEN.slice(1)}` }, body: json({ pool }) },
  ],
  ['another scheme', 401, { headers: { ...good, authorization: `Basic ${TOKEN}` }, body: json({ pool }) }],
  [
    'no worker',
    401,
    { headers: { authorization: good.authorization, 'zf-boot': BOOT }, body: json({ pool }) },
  ],
  ['a worker that is a path', 401, { headers: { ...good, 'zf-worker': '../w1' }, body: json({ pool }) }],
  ['a boot that is no id', 401, { headers: { ...good, 'zf-boot': '1' }, body: json({ pool }) }],
  ['an image that is not listed', 403, { body: withPool({ image: 'debian:12' }) }],
  ['a listed image in capitals', 403, { body: withPool({ image: 'TOOLS:1' }) }],
  ['a listed image with a tail', 403, { body: withPool({ image: 'tools:1@sha256:0' }) }],
  ['an empty image', 400, { body: withPool({ image: '' }) }],
  ['another runtime', 400, { body: withPool({ runtime: 'crun' }) }],
  ['HostConfig at the top', 400, { body: json({ pool, HostConfig: { Privileged: true } }) }],
  ['hostconfig at the top', 400, { body: json({ pool, hostconfig: { Privileged: true } }) }],
  ['HostConfig in the pool', 400, { body: withPool({ HostConfig: { Privileged: true } }) }],
  ['hostconfig in the pool', 400, { body: withPool({ hostconfig: {} }) }],
  ['Binds in the resources', 400, { body: withResources({ Binds: ['/:/host'] }) }],
  ['Labels in the pool', 400, { body: withPool({ Labels: { 'zerofleet.worker': 'w2' } }) }],
  ['an own __proto__', 400, { body: `{"pool":${json(pool)},"__proto__":{"Privileged":true}}` }],
  ['pool twice', 400, { body: `{"pool":${json(pool)},"pool":${json(pool)}}` }],
  ['pool twice, once escaped', 400, { body: `{"\\u0070ool":${json(pool)},"pool":${json(pool)}}` }],
  ['image twice', 400, { body: json({ pool }).replace('"image"', '"image":"debian:12","image"') }],
  ['no memory limit', 400, { body: withResources({ memoryMiB: 0 }) }],
  ['no pids limit', 400, { body: withResources({ pids: 0 }) }],
  ['no cpu limit', 400, { body: withResources({ cpuMilli: 0 }) }],
  ['no work limit', 400, { body: withResources({ workMiB: 0 }) }],
  ['no tmp limit', 400, { body: withResources({ tmpMiB: 0 }) }],
  ['a negative limit', 400, { body: withResources({ memoryMiB: -1 }) }],
  ['a limit beyond all machines', 400, { body: withResources({ memoryMiB: 1e12 }) }],
  ['a limit with a fraction', 400, { body: withResources({ memoryMiB: 64.5 }) }],
  ['a limit as text', 400, { body: withResources({ memoryMiB: '64,exec' }) }],
  ['no body', 400, {}],
  ['an array', 400, { body: json([{ pool }]) }],
  ['half a body', 400, { body: '{"pool":' }],
  ['a body over the limit', 413, { body: json({ pool, pad: 'x'.repeat(8_192) }) }],
  ['another content type', 415, { headers: { ...good, 'content-type': 'text/plain' }, body: json({ pool }) }],
  ['a path of the engine', 404, { path: '/v1.41/containers/create', body: json({ pool }) }],
  ['a path that climbs', 404, { path: '/v1/containers/../../containers/create', body: json({ pool }) }],
  ['a path that climbs, encoded', 404, { path: '/v1/containers/%2e%2e%2fcreate', body: json({ pool }) }],
  ['exec', 404, { path: `/v1/containers/${OWN}/exec`, body: '{}' }],
  [
    'an attach to a container of nobody',
    404,
    { method: 'GET', path: `/v1/containers/${'b'.repeat(64)}/attach`, headers: upgrade },
  ],
  [
    'an attach without a token',
    401,
    { method: 'GET', path: `/v1/containers/${OWN}/attach`, headers: { ...upgrade, authorization: '' } },
  ],
  [
    'an attach to a path',
    404,
    { method: 'GET', path: '/v1/containers/..%2f..%2finfo/attach', headers: upgrade },
  ],
  [
    'another upgrade',
    404,
    { method: 'GET', path: `/v1/containers/${OWN}/attach`, headers: { ...upgrade, upgrade: 'tcp' } },
  ],
];

describe('hostile calls', () => {
  beforeAll(() => server.listen({ path: socketPath }));
  afterAll(async () => {
    await server.close();
    await containers.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => void calls.splice(0));

  it.each(refused)('refuses %s', async (_what, status, call) => {
    expect(await statusOf(call)).toBe(status);
    expect(calls).toEqual([]);
  });

  it('lets nobody reach a container of another worker or boot', async () => {
    expect(await statusOf({ body: json({ pool }) })).toBe(201);
    const other = { ...good, 'zf-worker': 'w2', 'zf-boot': '22222222-2222-4222-8222-222222222222' };
    const path = `/v1/containers/${OWN}`;
    calls.splice(0);
    expect(await statusOf({ method: 'GET', path: `${path}/attach`, headers: { ...upgrade, ...other } })).toBe(
      404,
    );
    expect(await statusOf({ method: 'DELETE', path, headers: other })).toBe(204);
    expect(calls).toEqual([]);
    expect(await statusOf({ method: 'DELETE', path })).toBe(204);
    expect(calls).toEqual(['destroy']);
  });

  it('does not hear a boot that a newer one replaced', async () => {
    const newer = { ...good, 'zf-worker': 'w3', 'zf-boot': '33333333-3333-4333-8333-333333333333' };
    const older = { ...newer, 'zf-boot': '44444444-4444-4444-8444-444444444444' };
    expect(await statusOf({ method: 'GET', headers: older })).toBe(200);
    expect(await statusOf({ method: 'GET', headers: newer })).toBe(200);
    expect(await statusOf({ method: 'GET', headers: older })).toBe(410);
  });
});
