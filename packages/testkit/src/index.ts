/** Parts for tests: virtual time, seeded randomness, in-memory ports with faults, a model worker. */
export * from './faults.js';
export * from './memory-blobs.js';
export * from './memory-controls.js';
export * from './memory-ledger.js';
export * from './memory-line.js';
export * from './memory-outcomes.js';
export * from './memory-timers.js';
export * from './memory-usage.js';
export * from './model-worker.js';
export * from './noop-worker.js';
export * from './prng.js';
export * from './virtual-clock.js';
export * from './wire.js';
