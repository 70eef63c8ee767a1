/** Parts for tests: virtual time, seeded randomness, in-memory ports with faults, a model worker. */
export * from './memory-ledger.js';
export * from './model-worker.js';
export * from './prng.js';
export * from './virtual-clock.js';
