/**
 * Keeps the node's images: those that pools ask for are there before a job waits for one, those that nobody asks for any more
 * go. What to do is decided by @zerofleet/pool, which has the rules; here it is done.
 *
 * G1  What a plan removes goes together: one by one it would stop at the high mark. Of what it fetches only the first comes, then
 *     all is looked at again: a pull takes minutes, in which the world moves on.
 * G2  Each thing is tried once a look: what fails keeps nothing else from being done, and waits for the next look.
 */
import { planImages, type ImagePlan, type ImagePolicy } from '@zerofleet/pool';
import type { ImageList } from '@zerofleet/protocol';
import { every, type Cancel, type Clock, type Logger, type Service } from '@zerofleet/runtime';
import type { NodeImages } from '../engine/broker-images.js';
import type { ImageMetrics } from './image-metrics.js';
import type { ImageUse } from './pool-counts.js';

export interface ImageKeeperOptions {
  readonly images: NodeImages;
  /** What pools ask for, and when jobs last did. */
  readonly uses: () => readonly ImageUse[];
  readonly policy: ImagePolicy;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ImageMetrics;
}

/** Images are looked at as often as one may become superfluous, within these. */
const LOOK_EVERY_MS = { least: 1_000, most: 60_000 } as const;

type Removal = ImagePlan['remove'][number];

export class ImageKeeper implements Service {
  private readonly options: ImageKeeperOptions;
  /** When each image was last seen in use; when it was first seen, where it never was. */
  private readonly usedAtMs = new Map<string, number>();
  /** What was tried in this look (G2). */
  private readonly tried = new Set<string>();
  private stopTick: Cancel = () => undefined;
  private looking: Promise<void> | undefined;
  private isStale = false;
  private isStopped = false;

  constructor(options: ImageKeeperOptions) {
    this.options = options;
  }

  start(): Promise<void> {
    const { clock, policy } = this.options;
    const everyMs = Math.max(LOOK_EVERY_MS.least, Math.min(policy.unusedMaxMs, LOOK_EVERY_MS.most));
    this.stopTick = every(clock, everyMs, () => this.stir());
    this.stir();
    return Promise.resolve();
  }

  /** Does not wait for a pull: the broker goes on with it by itself. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.stopTick();
    return Promise.resolve();
  }

  /** What is wanted may have changed: looks now, or once more when it is looking. */
  stir(): void {
    this.isStale = true;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
  }

  private async look(): Promise<void> {
    while (this.isStale && !this.isStopped) {
      this.isStale = false;
      this.tried.clear();
      try {
        while (!this.isStopped && (await this.step()));
      } catch (error) {
        this.options.log.warn({ error: String(error) }, 'images_not_looked_at');
      }
    }
  }

  /** Does the next part of the plan that was not tried yet; false when there is none (G1). */
  private async step(): Promise<boolean> {
    const plan = this.plan(await this.options.images.list());
    const removals = plan.remove.filter(({ id }) => !this.tried.has(id));
    for (const removal of removals) await this.remove(removal);
    if (removals.length > 0) return true;
    const reference = plan.pull.find((one) => !this.tried.has(one));
    if (reference !== undefined) await this.pull(reference);
    return reference !== undefined;
  }

  private plan({ images, disk }: ImageList): ImagePlan {
    const { clock, metrics, policy, uses } = this.options;
    const nowMs = clock.nowMs();
    const used = uses();
    metrics.held(images, disk);
    const held = new Set(images.map(({ id }) => id));
    for (const id of this.usedAtMs.keys()) if (!held.has(id)) this.usedAtMs.delete(id);
    return planImages({
      images: images.map((image) => {
        const asked = used.filter(({ reference }) => image.references.includes(reference));
        const known = image.inUse ? nowMs : (this.usedAtMs.get(image.id) ?? nowMs);
        const usedAtMs = Math.max(known, ...asked.map((use) => use.usedAtMs));
        this.usedAtMs.set(image.id, usedAtMs);
        return { ...image, usedAtMs };
      }),
      wanted: used.filter(({ isWanted }) => isWanted).map(({ reference }) => reference),
      disk,
      policy,
      nowMs,
    });
  }

  private async remove({ id, why }: Removal): Promise<void> {
    await this.attempt(id, 'remove', async () => {
      if (!(await this.options.images.remove(id))) return;
      this.options.metrics.removed(why);
      this.options.log.info({ image: id, why }, 'image_removed');
    });
  }

  private async pull(reference: string): Promise<void> {
    await this.attempt(reference, 'pull', async () => {
      const { clock, images, log, metrics } = this.options;
      const startedMs = clock.nowMs();
      await images.pull(reference);
      metrics.pulled();
      log.info({ image: reference, tookMs: clock.nowMs() - startedMs }, 'image_pulled');
    });
  }

  private async attempt(image: string, what: 'pull' | 'remove', act: () => Promise<void>): Promise<void> {
    this.tried.add(image);
    try {
      await act();
    } catch (error) {
      this.options.metrics.failed(what);
      this.options.log.warn({ image, what, error: String(error) }, 'image_not_kept');
    }
  }
}
