/** What the broker's list means, over an engine whose images a test changes. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { DockerImages, HeldImage, ImageIdentity } from './docker-images.js';
import { EngineError } from './engine-call.js';
import { Images, repositoryOf } from './images.js';

const REPOSITORY = 'registry.example:5000/zerofleet/tools';
const OLD = `${REPOSITORY}:1`;
const NEW = `${REPOSITORY}:2`;
const id = (letter: string): string => `sha256:${letter.repeat(64)}`;

/** Tags and digests by what they name. */
class Engine {
  readonly names = new Map<string, string>();
  readonly registry = new Map<string, string>();
  readonly used = new Set<string>();
  readonly asked: string[] = [];
  isAway = false;

  find(reference: string): Promise<ImageIdentity | undefined> {
    if (this.isAway) return Promise.reject(new EngineError('engine_away', 'connect ENOENT'));
    const found = this.names.get(reference);
    return Promise.resolve(found === undefined ? undefined : { id: found, digests: this.digestsOf(found) });
  }

  async pull(reference: string): Promise<void> {
    this.asked.push(`pull ${reference}`);
    await Promise.resolve();
    const found = this.registry.get(reference);
    if (found === undefined) throw new EngineError('engine_failed', 'manifest unknown');
    this.names.set(reference, found);
  }

  list(): Promise<HeldImage[]> {
    const ids = [...new Set(this.names.values())];
    const tagsOf = (one: string): string[] =>
      [...this.names].flatMap(([name, of]) => (of === one && !name.includes('@') ? [name] : []));
    return Promise.resolve(
      ids.map((one) => ({ id: one, tags: tagsOf(one), digests: this.digestsOf(one), bytes: 10 })),
    );
  }

  inUse(): Promise<ReadonlySet<string>> {
    return Promise.resolve(this.used);
  }

  remove(name: string): Promise<void> {
    this.asked.push(`remove ${name}`);
    this.names.delete(name);
    return Promise.resolve();
  }

  disk(): Promise<{ usedBytes: number; totalBytes: number }> {
    return Promise.resolve({ usedBytes: 1, totalBytes: 2 });
  }

  private digestsOf(one: string): string[] {
    return [...this.names].flatMap(([name, of]) => (of === one && name.includes('@') ? [name] : []));
  }
}

let engine: Engine;
const listOf = (...references: string[]): Images => new Images(engine as unknown as DockerImages, references);
beforeEach(() => {
  engine = new Engine();
});

describe('a repository', () => {
  it.each([
    ['debian', 'debian'],
    ['debian:12', 'debian'],
    [OLD, REPOSITORY],
    [`${REPOSITORY}@${id('a')}`, REPOSITORY],
    [`${OLD}@${id('a')}`, REPOSITORY],
    ['localhost:5000/x', 'localhost:5000/x'],
  ])('of %s is %s', (reference, repository) => {
    expect(repositoryOf(reference)).toBe(repository);
  });
});

describe("the broker's list", () => {
  it('means what it was when it was loaded: a tag that moved is refused, also when it is pulled', async () => {
    engine.names.set(OLD, id('a'));
    const images = listOf(OLD);
    await images.load();
    expect(await images.idOf(OLD)).toBe(id('a'));
    engine.names.set(OLD, id('b'));
    await expect(images.idOf(OLD)).rejects.toMatchObject({ code: 'image_moved' });
    await expect(images.pull(OLD)).rejects.toMatchObject({ code: 'image_moved' });
    engine.names.set(OLD, id('a'));
    expect(await images.idOf(OLD)).toBe(id('a'));
  });

  it('means what it was when it was first pulled, where the node had nothing', async () => {
    const images = listOf(OLD);
    await images.load();
    await expect(images.idOf(OLD)).rejects.toMatchObject({ code: 'image_missing' });
    engine.registry.set(OLD, id('a'));
    expect(await images.pull(OLD)).toMatchObject({ id: id('a') });
    engine.names.delete(OLD);
    engine.registry.set(OLD, id('b'));
    await expect(images.pull(OLD)).rejects.toMatchObject({ code: 'image_moved' });
  });

  it('is resolved later where the engine was away', async () => {
    engine.names.set(OLD, id('a'));
    engine.isAway = true;
    const images = listOf(OLD);
    await expect(images.load()).rejects.toMatchObject({ code: 'engine_away' });
    engine.isAway = false;
    expect(await images.idOf(OLD)).toBe(id('a'));
  });

  it('names the digest of its own repository', async () => {
    engine.names.set(OLD, id('a'));
    engine.names.set(`other.example/tools@${id('1')}`, id('a'));
    engine.names.set(`${REPOSITORY}@${id('2')}`, id('a'));
    const images = listOf(OLD, NEW);
    await images.load();
    expect(images.listed()).toEqual([
      { reference: OLD, id: id('a'), digest: id('2') },
      { reference: NEW, id: null, digest: null },
    ]);
  });

  it('is all that is pulled, what the node has is not, and two who want the same wait for one pull', async () => {
    engine.names.set(OLD, id('a'));
    engine.registry.set(NEW, id('b'));
    const images = listOf(OLD, NEW);
    await images.load();
    await expect(images.pull(`${REPOSITORY}:3`)).rejects.toMatchObject({ code: 'image_not_listed' });
    await Promise.all([images.pull(NEW), images.pull(NEW), images.pull(OLD)]);
    expect(engine.asked).toEqual([`pull ${NEW}`]);
  });

  it('passes on what the registry said', async () => {
    await expect(listOf(OLD).pull(OLD)).rejects.toMatchObject({ message: 'manifest unknown' });
  });
});

describe('images of the node', () => {
  beforeEach(() => {
    engine.names.set(OLD, id('a'));
    engine.names.set(`${REPOSITORY}:0`, id('a'));
    engine.names.set(`${REPOSITORY}@${id('0')}`, id('a'));
    engine.names.set('mine:latest', id('a'));
    engine.names.set('debian:12', id('d'));
  });

  it('are ours by their repository, whatever else they are called', async () => {
    engine.used.add(id('a'));
    expect(await listOf(NEW).held()).toEqual({
      images: [
        {
          id: id('a'),
          references: [OLD, `${REPOSITORY}:0`, `${REPOSITORY}@${id('0')}`],
          bytes: 10,
          inUse: true,
        },
      ],
      disk: { usedBytes: 1, totalBytes: 2 },
    });
  });

  it('lose our names alone when they are removed', async () => {
    await listOf(NEW).remove(id('a'));
    expect([...engine.names.keys()]).toEqual(['mine:latest', 'debian:12']);
  });

  it('are not removed while somebody uses them, nor when they are of others', async () => {
    engine.used.add(id('a'));
    await expect(listOf(NEW).remove(id('a'))).rejects.toMatchObject({ code: 'image_in_use' });
    await expect(listOf(NEW).remove(id('d'))).rejects.toMatchObject({ code: 'not_found' });
    expect(engine.asked).toEqual([]);
  });
});
