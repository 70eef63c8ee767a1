/** What others may build on: the engine with its ports, for the simulation, and the coordinator itself. */
export * from './app.js';
export * from './engine/engine.js';
export * from './engine/intake.js';
export * from './engine/ports.js';
export * from './engine/shard-state.js';
export { NatsLedger } from './adapters/nats-ledger.js';
export { ensureStreams } from './adapters/streams.js';
