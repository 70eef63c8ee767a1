/** The keeper over a node that a test fills, with the real decision: what it fetches and removes, and what failures do to it. */
import { describe, expect, it } from 'vitest';
import type { ImageList } from '@zerofleet/protocol';
import { newRegistry, silentLogger } from '@zerofleet/runtime';
import type { NodeImages } from '../engine/broker-images.js';
import { HandClock, settled } from './hand-clock.test.helper.js';
import { ImageKeeper } from './image-keeper.js';
import { ImageMetrics } from './image-metrics.js';
import type { ImageUse } from './pool-counts.js';

const MINUTE_MS = 60_000;
const UNUSED_MS = 60 * MINUTE_MS;
type Held = ImageList['images'][number];

/** A node with a disk of 100 bytes and what else is on it. */
class Node implements NodeImages {
  images: Held[] = [];
  otherBytes = 0;
  readonly asked: string[] = [];
  /** What fails, and how often it was tried. */
  readonly broken = new Set<string>();
  /** Resolves a pull that waits for it. */
  letGo: (() => void) | undefined;
  isSlow = false;

  list(): Promise<ImageList> {
    const usedBytes = this.images.reduce((sum, { bytes }) => sum + bytes, this.otherBytes);
    return Promise.resolve({ images: [...this.images], disk: { usedBytes, totalBytes: 100 } });
  }

  async pull(reference: string): Promise<void> {
    this.asked.push(`pull ${reference}`);
    if (this.isSlow) await new Promise<void>((resolve) => (this.letGo = resolve));
    if (this.broken.has(reference)) throw new Error('no such image in the registry');
    this.images.push(held(reference));
  }

  remove(id: string): Promise<boolean> {
    this.asked.push(`remove ${id}`);
    if (this.broken.has(id)) return Promise.reject(new Error('the engine is away'));
    this.images = this.images.filter((image) => image.id !== id);
    return Promise.resolve(true);
  }
}

const held = (reference: string, bytes = 10, inUse = false): Held => ({
  id: `id-${reference}`,
  references: [reference],
  bytes,
  inUse,
});
const wanted = (reference: string): ImageUse => ({ reference, isWanted: true, usedAtMs: 0 });

const startedWith = async (node: Node, uses: ImageUse[], unusedMaxMs = UNUSED_MS) => {
  const clock = new HandClock();
  const keeper = new ImageKeeper({
    images: node,
    uses: () => uses,
    policy: { highMark: 0.8, lowMark: 0.7, unusedMaxMs },
    clock,
    log: silentLogger(),
    metrics: new ImageMetrics(newRegistry()),
  });
  await keeper.start();
  await settled();
  return { clock, keeper };
};

describe('the keeper of images', () => {
  it('fetches what pools ask for, the most wanted first, and asks no more once it is there', async () => {
    const node = new Node();
    const { clock } = await startedWith(node, [wanted('new'), wanted('old')]);
    expect(node.asked).toEqual(['pull new', 'pull old']);
    await clock.pass(MINUTE_MS);
    expect(node.asked).toHaveLength(2);
  });

  it('fetches what is asked for later, when it is told', async () => {
    const node = new Node();
    const uses = [wanted('old')];
    const { keeper } = await startedWith(node, uses);
    uses.push(wanted('new'));
    keeper.stir();
    await settled();
    expect(node.asked).toEqual(['pull old', 'pull new']);
  });

  it('looks again after a long pull in which it was told of more', async () => {
    const node = new Node();
    node.isSlow = true;
    const uses = [wanted('a')];
    const { keeper } = await startedWith(node, uses);
    uses.push(wanted('b'));
    keeper.stir();
    keeper.stir();
    node.isSlow = false;
    node.letGo?.();
    await settled();
    expect(node.asked).toEqual(['pull a', 'pull b']);
  });

  it('tries what fails once a look, and goes on with the rest', async () => {
    const node = new Node();
    node.broken.add('bad');
    const { clock } = await startedWith(node, [wanted('bad'), wanted('good')]);
    expect(node.asked).toEqual(['pull bad', 'pull good']);
    await clock.pass(MINUTE_MS);
    expect(node.asked).toEqual(['pull bad', 'pull good', 'pull bad']);
  });

  it('removes what nobody asked for in an hour since it was last in use, and not before', async () => {
    const node = new Node();
    const image = held('old', 10, true);
    node.images = [image];
    const { clock } = await startedWith(node, []);
    await clock.pass(UNUSED_MS);
    node.images = [{ ...image, inUse: false }];
    for (let minute = 1; minute < 60; minute += 1) await clock.pass(MINUTE_MS);
    expect(node.asked).toEqual([]);
    await clock.pass(MINUTE_MS);
    expect(node.asked).toEqual(['remove id-old']);
  });

  it('looks as often as an image may become too old, and no more than once a second', async () => {
    const [patient, hasty] = [new Node(), new Node()];
    for (const node of [patient, hasty]) node.images = [held('old')];
    const first = await startedWith(patient, [], 5_000);
    const second = await startedWith(hasty, [], 1);
    await first.clock.pass(4_999);
    await second.clock.pass(999);
    expect([...patient.asked, ...hasty.asked]).toEqual([]);
    await first.clock.pass(1);
    await second.clock.pass(1);
    expect([patient.asked, hasty.asked]).toEqual([['remove id-old'], ['remove id-old']]);
  });

  it('makes room above the high mark down to the low one, what was used last stays longest', async () => {
    const node = new Node();
    node.otherBytes = 50;
    node.images = [held('a'), held('b'), held('c'), held('used', 10, true)];
    const uses = ['c', 'a', 'b'].map((reference, n) => ({ reference, isWanted: false, usedAtMs: n + 1 }));
    await startedWith(node, uses);
    expect(node.asked).toEqual(['remove id-c', 'remove id-a']);
  });

  it('counts nothing as used that a container of it is not there for', async () => {
    const node = new Node();
    node.broken.add('id-gone');
    node.images = [held('gone')];
    const { clock } = await startedWith(node, []);
    await clock.pass(UNUSED_MS);
    await clock.pass(MINUTE_MS);
    expect(node.asked).toEqual(['remove id-gone', 'remove id-gone']);
  });

  it('does nothing more once it is stopped, not even behind a pull', async () => {
    const node = new Node();
    node.isSlow = true;
    const { clock, keeper } = await startedWith(node, [wanted('a'), wanted('b')]);
    await keeper.stop();
    node.letGo?.();
    await settled();
    await clock.pass(MINUTE_MS);
    expect(node.asked).toEqual(['pull a']);
  });
});
