/** What crosses a wire, with its versions: ledger events, messages, frames, broker and HTTP contracts. */
export * from './broker.js';
export * from './chunks.js';
export * from './definition.js';
export * from './dones.js';
export * from './frames.js';
export * from './http.js';
export * from './leader.js';
export * from './ledger.js';
export { fitsV1 } from './ledger-v1.js';
export * from './messages.js';
export * from './outcome-records.js';
export * from './parse.js';
export * from './runs.js';
export * from './shapes.js';
export * from './subjects.js';
export * from './timer-pages.js';
