/** The pure vocabulary of Zerofleet. Imports nothing of ours, does no IO. */
export * from './access.js';
export * from './brand.js';
export * from './container.js';
export * from './errors.js';
export * from './host-pattern.js';
export * from './ids.js';
export * from './ip-address.js';
export * from './job.js';
export * from './json.js';
export * from './limits.js';
export * from './outcome.js';
export * from './public-address.js';
export * from './quotas.js';
export * from './room.js';
export * from './tool.js';
