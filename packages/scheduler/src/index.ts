/** Pure: who runs next, where, and whether again. */
export { DAY_MS } from './tenant.js';
export { CLASSES, CLASS_PRICES, CLASS_WEIGHTS, AGE_MS, LOWEST as LOWEST_RANK } from './classes.js';
export * from './explain.js';
export * from './fair.js';
export * from './heap.js';
export { IDLE_LIMITS, type IdleLimits } from './idle.js';
export type { PauseCause } from './lane.js';
export * from './placement.js';
export * from './policy.js';
export * from './queued-job.js';
export * from './rate-bucket.js';
export * from './retry.js';
export type { FleetHost } from './supply.js';
