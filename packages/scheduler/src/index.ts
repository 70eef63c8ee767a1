/** Pure: who runs next, where, and whether again. */
export * from './fifo.js';
export * from './heap.js';
export * from './placement.js';
export * from './retry.js';
