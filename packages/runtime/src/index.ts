/** What every process needs around its own work. */
export * from './admin.js';
export * from './blob-ports.js';
export * from './blobs.js';
export * from './jetstream-errors.js';
export * from './clock.js';
export * from './config.js';
export * from './ids.js';
export * from './logger.js';
export * from './main.js';
export * from './metrics.js';
export * from './nats.js';
export * from './redis.js';
export * from './sealing.js';
export * from './service.js';
export * from './tools.js';
