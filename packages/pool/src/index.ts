/** The warm pool's plan: pure. */
export * from './choose.js';
export * from './plan.js';
