/** The warm pool's plan: pure. */
export * from './choose.js';
export * from './images.js';
export * from './plan.js';
