/**
 * A hostile worker against the built broker on a real engine: no call of it makes, reaches or ends anything that is not its
 * own, and none holds the broker up.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { encodeFrame, FRAME } from '@zerofleet/protocol';
import { callWith, type Ground } from '../broker/ground.js';
import { callText, connect, answersIn, exchange, untilClosed } from '../broker/wire.js';
import { HOSTILE_CALLS } from '../broker/hostile/all.js';
import { eventually } from '../fleet/eventually.js';
import { BrokerProcess, docker } from './broker-process.js';

const image = inject('engine').toolImage;
const MIB_KIB = 1024;
/** What the broker may grow by under a flood. */
const GROWTH_MAX_MIB = 32;
const PING = encodeFrame(FRAME.PING, '{}');
const ANSWER_WITHIN_MS = 2_000;

let broker: BrokerProcess;
let elsewhere: BrokerProcess;
let ground: Ground;
let stream: Duplex;
let ordinary = '';

/** What the engine holds of ours: the two attached ones of this broker, and what the others have. */
const holdings = (): string[] => [...broker.containers(), ...elsewhere.containers()].sort();

/** Whether the caller's own container still answers. */
const answers = async (): Promise<void> => {
  const answered = once(stream, 'data', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  stream.write(PING);
  await answered;
};

const listCall = (): string =>
  callText('GET /v1/containers HTTP/1.1', [
    'host: broker',
    `authorization: Bearer ${ground.token}`,
    `zf-worker: ${ground.worker}`,
    `zf-boot: ${ground.boot}`,
  ]);

/** Opens `count` connections, or as many of them as there is room for, and sends `bytes` on each. */
const flood = async (count: number, bytes: string): Promise<Socket[]> => {
  const opening = Array.from({ length: count }, () => connect(broker.socketPath));
  const sockets = (await Promise.allSettled(opening)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  );
  for (const socket of sockets) if (bytes !== '') socket.write(bytes);
  return sockets;
};

describe('a hostile worker', () => {
  beforeAll(async () => {
    broker = new BrokerProcess([image], { ZF_BROKER_WORKERS: 'w1,w2' });
    elsewhere = new BrokerProcess([image]);
    await Promise.all([broker.start(), elsewhere.start()]);
    const worker = broker.caller('w1', image);
    const before = broker.caller('w1', image);
    await callWith(before).list();
    const own = callWith(worker);
    const attached = await own.attached();
    stream = attached.stream;
    await once(stream, 'data');
    const ended = await own.create();
    await own.end(ended);
    ordinary = docker('create', '--network', 'none', image);
    ground = {
      ...worker,
      deadBoot: before.boot,
      attached: attached.id,
      ended,
      foreign: (await callWith(broker.caller('w2', image)).attached()).id,
      imageInUse: docker('image', 'inspect', '--format', '{{.Id}}', image),
      imageOfOthers: docker('image', 'inspect', '--format', '{{.Id}}', inject('engine').fleetImage),
      elsewhere: (await callWith(elsewhere.caller('w1', image)).attached()).id,
      ordinary,
    };
  });
  afterAll(async () => {
    stream.destroy();
    docker('rm', '-f', ordinary);
    await Promise.all([broker.remove(), elsewhere.remove()]);
  });

  it('gets a typed refusal for each of more than a hundred calls, and nothing changes', async () => {
    const before = holdings();
    const wrong: string[] = [];
    for (const { group, what, send, refused } of HOSTILE_CALLS) {
      const found = await exchange(broker.socketPath, send(ground));
      const said = found.map(({ status, code }) => `${status} ${code}`).join();
      if (said !== refused.join()) wrong.push(`${group}: ${what}: ${said}`);
    }
    expect(wrong).toEqual([]);
    expect(HOSTILE_CALLS.length).toBeGreaterThan(100);
    expect(holdings()).toEqual(before);
    expect(docker('inspect', '--format', '{{.State.Status}}', ordinary)).toBe('created');
    await answers();
  });

  it('cannot hold connections that say too little', async () => {
    const half = listCall().slice(0, -2);
    const post = listCall().replace('GET', 'POST').replace('\r\n\r\n', '\r\n');
    const body = `${post}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"pool"`;
    const slow = await Promise.all(['', 'G', half, body].map((bytes) => flood(1, bytes)));
    const drip = await connect(broker.socketPath);
    const dripping = setInterval(() => drip.writable && drip.write('x: y\r\n'), 200);
    drip.write(half.trimEnd().concat('\r\n'));
    const ends = await Promise.all([...slow.flat(), drip].map((socket) => untilClosed(socket, 8_000)));
    clearInterval(dripping);
    expect(ends.map((text) => answersIn(text).map(({ status, code }) => `${status} ${code}`))).toEqual(
      ends.map(() => ['408 too_slow']),
    );
    await answers();
  });

  it('loses a container whose connection it half closes', async () => {
    const own = callWith(ground);
    const { id, stream: half } = await own.attached();
    half.end();
    await once(half.resume(), 'close');
    expect(await own.list()).not.toContain(id);
  });

  it('gets no more containers than it may, however it asks for them', async () => {
    const small = new BrokerProcess([image], { ZF_BROKER_CONTAINERS_MAX: '3' });
    await small.start();
    try {
      const own = callWith(small.caller('w1', image));
      const made = await Promise.allSettled(Array.from({ length: 20 }, () => own.create()));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(small.containers()).toHaveLength(3);
    } finally {
      await small.remove();
    }
  });

  it.each([
    ['that say nothing', () => ''],
    ['that say half a header', () => 'GET /v1/containers HTTP/1.1\r\nx: '],
    ['with a wrong token', () => listCall().replace(ground.token, 'wrong')],
    ['that ask for the engine', () => listCall().replace('/containers', '/engine')],
  ])('does not hold the broker up with thousands of connections %s', async (_what, bytes) => {
    await answers();
    const before = broker.rssKib;
    const waves: Socket[] = [];
    for (let wave = 0; wave < 6; wave += 1) {
      waves.push(...(await flood(500, bytes())));
      await answers();
    }
    const growthMib = (broker.rssKib - before) / MIB_KIB;
    for (const socket of waves) socket.destroy();
    expect(growthMib).toBeLessThan(GROWTH_MAX_MIB);
    const listed = (): Promise<string[] | undefined> =>
      callWith(ground)
        .list()
        .catch(() => undefined);
    expect(await eventually('an answer', listed, ANSWER_WITHIN_MS)).toContain(ground.attached);
  });
});
