/** What the priority classes are worth, from the highest to the lowest. */
import type { PriorityClass } from '@zerofleet/model';

/** The classes by rank: 0 is the highest. */
export const CLASSES: readonly PriorityClass[] = ['interactive', 'high', 'normal', 'batch'];
/** The rank of the lowest class. */
export const LOWEST = CLASSES.length - 1;
/** Decisions of each class where all of them have work of tenants within their share. */
export const CLASS_WEIGHTS: readonly number[] = [64, 16, 4, 1];
/** What a ms of runtime costs a tenant's account: a turn ahead of others is paid for, so asking for it gains no share. */
export const CLASS_PRICES: readonly number[] = [1.06, 1.04, 1.02, 1];
/** A head that waited longer is promoted, ms. */
export const AGE_MS: readonly number[] = [5_000, 60_000, 600_000, 3_600_000];

const RANKS: Readonly<Record<PriorityClass, number>> = { interactive: 0, high: 1, normal: 2, batch: 3 };

export const rankOf = (name: PriorityClass): number => RANKS[name];
