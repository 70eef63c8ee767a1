/** What the pool is bound by. Every bound that ops may want to tune is here; the worker's config fills it. */

export interface PoolPolicy {
  /** Memory of all containers that are not gone: starting, warm, busy, idle, parked and stopping ones. */
  readonly budgetMiB: number;
  /** Containers that start at once, whatever for. */
  readonly startsMax: number;
  /** Starts for stock in a second, in the long run; starts for jobs that wait are not counted. */
  readonly refillPerS: number;
  /** Stock of one pool, at most; 0 keeps none. A configured minimum above it does not raise it. */
  readonly stockMax: number;
  /** How much of it may be there for jobs that come at once. */
  readonly burstMax: number;
  /** How long a container of a pool whose times are not known yet is kept after its last use. */
  readonly keepMs: number;
  /** How long a warm container may stand idle, on average, for each cold start that it saves. */
  readonly worthMs: number;
  /** Jobs of one tenant in one container. */
  readonly usesMax: number;
  /** A tenant's container that is older, or was not used for so long, is ended. */
  readonly ageMaxMs: number;
  readonly idleMaxMs: number;
  /** The same for a container that is parked for a session, once its files are saved. */
  readonly sessionAgeMaxMs: number;
  readonly sessionIdleMaxMs: number;
  /** Parked containers that are saved at once. */
  readonly savesMax: number;
  /**
   * What a tool of a tenant may have of fresh containers while its jobs break theirs: so many at once, and then so many a
   * second. Others are not held back by it.
   */
  readonly breaksMax: number;
  readonly breaksPerS: number;
}

const MINUTE_MS = 60_000;

const DEFAULTS = {
  stockMax: 32,
  burstMax: 16,
  keepMs: 10 * MINUTE_MS,
  worthMs: 10 * MINUTE_MS,
  usesMax: 200,
  ageMaxMs: 60 * MINUTE_MS,
  idleMaxMs: 5 * MINUTE_MS,
  sessionAgeMaxMs: 24 * 60 * MINUTE_MS,
  sessionIdleMaxMs: 15 * MINUTE_MS,
  savesMax: 4,
  breaksMax: 8,
};

/** A quarter of the refill: three more such tools fit beside it before stock is short for the others. */
const BREAKS_SHARE = 0.25;

export type PoolSettings = Pick<PoolPolicy, 'budgetMiB' | 'startsMax'> & Partial<PoolPolicy>;

/** A policy with `settings`, and defaults for the rest. */
export const policyOf = (settings: PoolSettings): PoolPolicy => {
  const refillPerS = settings.refillPerS ?? 2 * settings.startsMax;
  return { ...DEFAULTS, refillPerS, breaksPerS: refillPerS * BREAKS_SHARE, ...settings };
};
