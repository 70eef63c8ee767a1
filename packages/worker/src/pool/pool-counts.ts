/** What a pool holds and how it does, for Ready messages, metrics and the keeper of images. */
import type { Pool, Shelf } from '@zerofleet/pool';
import type { Ready } from '@zerofleet/protocol';

/** Containers of one pool by what they are doing. */
export type PoolCounts = Required<Ready['pools'][number]>;

/** An image as the pools see it. */
export interface ImageUse {
  readonly reference: string;
  /** A pool of it is configured, or has containers. */
  readonly isWanted: boolean;
  /** When a job last asked for it, by the driver's clock. */
  readonly usedAtMs: number;
}

const DIGITS = 1_000;
const rounded = (value: number | null): number | null =>
  value === null ? null : Math.round(value * DIGITS) / DIGITS;

export const countsOf = (pool: Pool, nowMs: number): PoolCounts[] => {
  const counts: PoolCounts[] = [];
  for (const shelf of pool.shelves)
    counts.push({
      key: shelf.key,
      image: shelf.spec.image,
      target: shelf.target,
      starting: shelf.count('starting'),
      warm: shelf.count('warm'),
      busy: shelf.count('busy') + shelf.count('resetting'),
      idle: shelf.count('idle'),
      parked: shelf.count('idle') - shelf.idle.size,
      stats: {
        claims: { ...shelf.claims },
        misses: { ...shelf.misses },
        startMsP50: shelf.starts.isKnown ? Math.round(shelf.starts.p50Ms) : null,
        startMsP95: shelf.starts.isKnown ? Math.round(shelf.starts.p95Ms) : null,
        refillPerS: rounded(pool.refillPerS(shelf)),
        failures: shelf.failures,
        breaker: shelf.breaker.state(nowMs),
      },
    });
  return counts;
};

export const imagesOf = (pool: Pool): ImageUse[] => {
  const uses = new Map<string, ImageUse>();
  for (const shelf of pool.shelves) {
    const { image: reference } = shelf.spec;
    const known = uses.get(reference);
    uses.set(reference, {
      reference,
      isWanted: known?.isWanted === true || isWanted(shelf),
      usedAtMs: Math.max(known?.usedAtMs ?? 0, shelf.usedAtMs),
    });
  }
  return [...uses.values()].sort(
    (a, b) => Number(b.isWanted) - Number(a.isWanted) || b.usedAtMs - a.usedAtMs,
  );
};

const isWanted = (shelf: Shelf): boolean => shelf.isConfigured || shelf.size > 0 || shelf.demand > 0;
