/** The engine broker's process. */
import { runMain } from '@zerofleet/runtime';
import { buildBroker } from './app.js';

await runMain('engine-broker', () => buildBroker(process.env));
