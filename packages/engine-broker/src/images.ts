/**
 * The images of this broker's list: what each of them is, and that containers are made of nothing else.
 *
 * G1  A reference is resolved once, when the list is loaded or when it is first pulled: from then on it means that image, by
 *     its id. A tag that was moved since is refused, not followed.
 * G2  Only references of the list are pulled, one at a time, and none that the node has.
 * G3  Ours is an image of a repository of the list, this release's or an older one's. Only names of those repositories are
 *     removed, and never those of an image that there is a container of, whoever made it.
 */
import type { ImageList } from '@zerofleet/protocol';
import type { DockerImages, HeldImage, ImageIdentity } from './docker-images.js';
import { answeredWith, type EngineError } from './engine-call.js';
import { Gate } from './gate.js';
import { Recent } from './recent.js';
import { Refusal } from './refusal.js';

/** What an entry of the list means. */
export interface ListedImage {
  readonly reference: string;
  /** The id that it was resolved to; null where the node had no such image yet. */
  readonly id: string | null;
  /** Its digest in that repository, where a registry gave it one. */
  readonly digest: string | null;
}

/** `repository:tag`, `repository@digest` or an id without its last part. */
export const repositoryOf = (reference: string): string => {
  const [name = ''] = reference.split('@', 1);
  return name.replace(/:[^:/]*$/, '');
};

/** How long an answer about what the node holds is given again, in ms. */
const HELD_FOR_MS = 1_000;

const always = (): boolean => true;

export class Images {
  private readonly engine: DockerImages;
  private readonly references: ReadonlySet<string>;
  private readonly repositories: ReadonlySet<string>;
  private readonly resolved = new Map<string, ImageIdentity>();
  private readonly pulls = new Map<string, Promise<void>>();
  private readonly pullGate = new Gate(1);
  private readonly holdings = new Recent(HELD_FOR_MS, () => this.askHeld());

  constructor(engine: DockerImages, references: readonly string[]) {
    this.engine = engine;
    this.references = new Set(references);
    this.repositories = new Set(references.map(repositoryOf));
  }

  /** Resolves what the node has of the list (G1). Throws EngineError. */
  async load(): Promise<void> {
    for (const reference of this.references) await this.resolve(reference);
  }

  /** The id to make a container of `reference` from. Throws Refusal. */
  async idOf(reference: string): Promise<string> {
    this.demandListed(reference);
    const found = await this.engine.find(reference);
    if (found === undefined) throw new Refusal('image_missing', 'the node does not have the image; pull it');
    return this.pinned(reference, found).id;
  }

  /** Makes sure that the node has `reference`; returns what it is. Throws Refusal, or EngineError with the registry's words. */
  async pull(reference: string): Promise<ImageIdentity> {
    this.demandListed(reference);
    const pulling =
      this.pulls.get(reference) ?? this.pullOnce(reference).finally(() => this.pulls.delete(reference));
    this.pulls.set(reference, pulling);
    await pulling;
    this.holdings.forget();
    const found = await this.engine.find(reference);
    if (found === undefined) throw new Refusal('image_missing', 'the image was pulled and is not there');
    return this.pinned(reference, found);
  }

  /** What the node holds of ours, and the disk that it is on. */
  held(): Promise<ImageList> {
    return this.holdings.get();
  }

  private async askHeld(): Promise<ImageList> {
    const [images, inUse, disk] = await Promise.all([
      this.engine.list(),
      this.engine.inUse(),
      this.engine.disk(),
    ]);
    return {
      images: images
        .filter((image) => this.namesOf(image).length > 0)
        .map((image) => ({
          id: image.id,
          references: this.namesOf(image),
          bytes: image.bytes,
          inUse: inUse.has(image.id),
        })),
      disk,
    };
  }

  /** Removes an image of ours that nobody uses (G3). Throws Refusal. */
  async remove(id: string): Promise<void> {
    const image = (await this.engine.list()).find((one) => one.id === id);
    const names = image === undefined ? [] : this.namesOf(image);
    if (names.length === 0) throw new Refusal('not_found', 'no such image of ours');
    if ((await this.engine.inUse()).has(id))
      throw new Refusal('image_in_use', 'there is a container of the image');
    try {
      for (const name of names) await this.engine.remove(name);
    } catch (error) {
      // A container was made of it in between: the engine itself does not let go of the image then.
      if (answeredWith(error, 409)) throw new Refusal('image_in_use', (error as EngineError).message);
      throw error;
    } finally {
      this.holdings.forget();
    }
  }

  /** The list with what each entry was resolved to. */
  listed(): ListedImage[] {
    return [...this.references].map((reference) => {
      const known = this.resolved.get(reference);
      const digest = known?.digests.find((one) => repositoryOf(one) === repositoryOf(reference));
      return { reference, id: known?.id ?? null, digest: digest?.split('@')[1] ?? null };
    });
  }

  private demandListed(reference: string): void {
    if (!this.references.has(reference))
      throw new Refusal('image_not_listed', 'the image is not on the list of this broker');
  }

  private async resolve(reference: string): Promise<ImageIdentity | undefined> {
    const found = await this.engine.find(reference);
    if (found !== undefined && !this.resolved.has(reference)) this.resolved.set(reference, found);
    return found;
  }

  /** What `reference` was resolved to first, which is what it must be still (G1). Throws Refusal. */
  private pinned(reference: string, found: ImageIdentity): ImageIdentity {
    const known = this.resolved.get(reference) ?? found;
    this.resolved.set(reference, known);
    if (known.id === found.id) return known;
    throw new Refusal(
      'image_moved',
      `${reference} was ${known.id} when this broker resolved it, and is ${found.id} now`,
    );
  }

  private async pullOnce(reference: string): Promise<void> {
    await this.pullGate.run(always, async () => {
      if ((await this.resolve(reference)) === undefined) await this.engine.pull(reference);
    });
  }

  /** The names of our repositories that an image has, tags first. */
  private namesOf({ tags, digests }: HeldImage): string[] {
    return [...tags, ...digests].filter((name) => this.repositories.has(repositoryOf(name)));
  }
}
