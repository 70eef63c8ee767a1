/** The worker's process. */
import { runMain } from '@zerofleet/runtime';
import { buildWorker } from './app.js';

await runMain('worker', () => buildWorker(process.env));
