/** What of the node's images the worker looks after: settings, listed in docs/config.md. */
import type { ImagePolicy } from '@zerofleet/pool';
import type { ConfigSchema } from '@zerofleet/runtime';

export interface ImageConfig {
  imageKeeping: 'on' | 'off';
  imageHighPercent: number;
  imageLowPercent: number;
  imageUnusedMs: number;
}

const HOUR_MS = 3_600_000;
const PERCENT = 100;

export const imageSchema: ConfigSchema<ImageConfig> = {
  imageKeeping: {
    doc: '`on`: images are fetched before a job waits for one, and removed when nobody asks for them; `off`: neither',
    format: ['on', 'off'],
    default: 'on',
    env: 'ZF_IMAGE_KEEPING',
  },
  imageHighPercent: {
    doc: "Above this share of the engine's disk, in percent, unused images are removed, and none is fetched ahead of need",
    format: 'positive',
    default: 80,
    env: 'ZF_IMAGE_HIGH_PERCENT',
  },
  imageLowPercent: {
    doc: 'Down to this share of it',
    format: 'positive',
    default: 70,
    env: 'ZF_IMAGE_LOW_PERCENT',
  },
  imageUnusedMs: {
    doc: 'An image that nobody asked for in so long is removed, whatever room there is, in ms',
    format: 'positive',
    default: 72 * HOUR_MS,
    env: 'ZF_IMAGE_UNUSED_MS',
  },
};

/** One line about the first broken relation. */
export const imageRelations = ({ imageHighPercent, imageLowPercent }: ImageConfig): string | undefined => {
  if (imageHighPercent > PERCENT) return 'ZF_IMAGE_HIGH_PERCENT must be 100 at most';
  return imageLowPercent >= imageHighPercent
    ? 'ZF_IMAGE_LOW_PERCENT must be below ZF_IMAGE_HIGH_PERCENT'
    : undefined;
};

export const imagePolicyOf = (config: ImageConfig): ImagePolicy => ({
  highMark: config.imageHighPercent / PERCENT,
  lowMark: config.imageLowPercent / PERCENT,
  unusedMaxMs: config.imageUnusedMs,
});
