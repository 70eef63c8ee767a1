/** The warm pool: pure. */
export type { BreakerState } from './breaker.js';
export type { Found, Wish } from './choose.js';
export * from './images.js';
export type { PoolAction, StopWhy } from './planner.js';
export { policyOf, type PoolPolicy, type PoolSettings } from './policy.js';
export * from './pool.js';
export type { Waiter } from './queue.js';
export type { Member, MissReason, PoolContainer, Shelf } from './shelf.js';
