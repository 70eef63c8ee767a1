/** The broker and the node's images, on a real engine with a registry that a test fills: by digest, and never another. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineInfo, ImageList } from '@zerofleet/protocol';
import { call, callWith, poolOf, type Answer, type Caller } from '../broker/ground.js';
import { BrokerProcess, docker } from './broker-process.js';
import { TinyRegistry } from './tiny-registry.js';

const registry = new TinyRegistry();
let broker: BrokerProcess;
let worker: Caller;
let tag = 0;

const bodyOf = <T>(answer: Answer): T => JSON.parse(answer.body) as T;
const codeOf = (answer: Answer): string => bodyOf<{ code: string }>(answer).code;
const pull = (reference: string): Promise<Answer> => call(worker, 'POST', '/v1/images/pull', { reference });
const create = (image: string): Promise<Answer> =>
  call(worker, 'POST', '/v1/containers', { pool: poolOf(image) });
/** A pull past the broker. The registry runs in this process, which must not wait for it standing still. */
const pullAsOther = async (reference: string): Promise<void> =>
  void (await promisify(execFile)('docker', ['pull', '-q', reference]));
const list = async (): Promise<ImageList> => bodyOf(await call(worker, 'GET', '/v1/images'));
const remove = (id: string): Promise<Answer> => call(worker, 'DELETE', `/v1/images/${id}`);
const isThere = (id: string): boolean => docker('images', '-aq', '--no-trunc').includes(id);

/** A new tag, so that no test sees another's. */
const newReference = (): string => `${registry.repository}:${(tag += 1)}`;
const tagOf = (reference: string): string => reference.split(':').at(-1) ?? '';

/** A broker with this list. */
const brokerOf = async (...images: string[]): Promise<void> => {
  broker = new BrokerProcess(images);
  await broker.start();
  worker = broker.caller('w1', images[0] ?? '');
};

describe("the node's images", () => {
  beforeAll(() => registry.start());
  afterAll(async () => {
    const left = docker('images', '-q', '--no-trunc', registry.repository).split('\n').filter(Boolean);
    if (left.length > 0) docker('rmi', '-f', ...left);
    await registry.stop();
  });
  beforeEach(() => void registry.asked.splice(0));
  afterEach(() => broker.remove());

  it('are fetched by reference, known by digest, and used by id', async () => {
    const reference = newReference();
    const digest = registry.publish(tagOf(reference), 'one');
    await brokerOf(reference);
    expect(codeOf(await create(reference))).toBe('image_missing');
    const { id } = bodyOf<{ id: string }>(await pull(reference));
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    const info = bodyOf<EngineInfo>(await call(worker, 'GET', '/v1/engine'));
    expect(info.images).toEqual([{ reference, id, digest }]);
    const container = await callWith(worker).create(poolOf(reference));
    expect(docker('inspect', '--format', '{{.Image}}', container)).toBe(id);
  });

  it('are fetched once, however often they are asked for', async () => {
    const reference = newReference();
    registry.publish(tagOf(reference), 'two');
    await brokerOf(reference);
    await Promise.all(Array.from({ length: 8 }, () => pull(reference)));
    const asked = registry.asked.length;
    expect((await pull(reference)).status).toBe(200);
    expect(registry.asked).toHaveLength(asked);
    expect(registry.asked.filter((one) => one === tagOf(reference)).length).toBeLessThanOrEqual(2);
  });

  it('are refused when their tag was moved, and made of nothing else', async () => {
    const reference = newReference();
    const other = newReference();
    registry.publish(tagOf(reference), 'three');
    registry.publish(tagOf(other), 'another');
    await brokerOf(reference, other);
    await pull(reference);
    await pull(other);
    registry.publish(tagOf(reference), 'something else');
    await pullAsOther(reference);
    const refused = await create(reference);
    expect([refused.status, codeOf(refused)]).toEqual([409, 'image_moved']);
    expect(codeOf(await pull(reference))).toBe('image_moved');
    expect(broker.containers()).toEqual([]);
    expect((await create(other)).status).toBe(201);
  });

  it('are what the digest says where the list names one, whatever becomes of the tag', async () => {
    const reference = newReference();
    const digest = registry.publish(tagOf(reference), 'four');
    const pinned = `${registry.repository}@${digest}`;
    await brokerOf(pinned);
    registry.publish(tagOf(reference), 'something else');
    expect((await pull(pinned)).status).toBe(200);
    expect((await create(pinned)).status).toBe(201);
    expect((await list()).images.some(({ references }) => references.includes(pinned))).toBe(true);
  });

  it('say why they cannot be fetched', async () => {
    const reference = newReference();
    await brokerOf(reference);
    const refused = await pull(reference);
    expect([refused.status, codeOf(refused)]).toEqual([502, 'engine_failed']);
    expect(refused.body).toContain('manifest unknown');
  });

  it('go when nobody uses them, and not before; those of older releases too', async () => {
    const [old, now] = [newReference(), newReference()];
    registry.publish(tagOf(old), 'five');
    registry.publish(tagOf(now), 'six');
    await pullAsOther(old);
    await brokerOf(now);
    await pull(now);
    const idOf = (reference: string): string => docker('image', 'inspect', '--format', '{{.Id}}', reference);
    const [oldId, nowId] = [idOf(old), idOf(now)];
    const own = callWith(worker);
    const container = await own.create(poolOf(now));
    expect((await list()).images.find(({ id }) => id === nowId)).toMatchObject({ inUse: true });
    expect(codeOf(await remove(nowId))).toBe('image_in_use');
    expect((await remove(oldId)).status).toBe(204);
    expect(isThere(oldId)).toBe(false);
    await own.end(container);
    expect((await remove(nowId)).status).toBe(204);
    expect(isThere(nowId)).toBe(false);
  });

  it('keep the names that others gave them', async () => {
    const reference = newReference();
    registry.publish(tagOf(reference), 'seven');
    await brokerOf(reference);
    const { id } = bodyOf<{ id: string }>(await pull(reference));
    const mine = `zf-test-mine:${broker.node}`;
    docker('tag', reference, mine);
    try {
      expect((await remove(id)).status).toBe(204);
      expect(docker('image', 'inspect', '--format', '{{.Id}}', mine)).toBe(id);
      expect(codeOf(await remove(id))).toBe('not_found');
    } finally {
      docker('rmi', '-f', mine);
    }
  });

  it('are on a disk whose use is told', async () => {
    await brokerOf(newReference());
    const { disk } = await list();
    expect(disk.usedBytes).toBeGreaterThan(0);
    expect(disk.totalBytes).toBeGreaterThan(disk.usedBytes);
  });
});
