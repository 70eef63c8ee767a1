/** The worker: slots, warm pool and runner client of a node. */
export * from './app.js';
