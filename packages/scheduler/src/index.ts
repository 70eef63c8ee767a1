/** Pure scheduling: who runs next, and where. */
export * from './fifo.js';
export * from './placement.js';
