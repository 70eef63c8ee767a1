/** The coordinator's process. */
import { runMain } from '@zerofleet/runtime';
import { buildCoordinator } from './app.js';

await runMain('coordinator', (quit) => buildCoordinator(process.env, quit));
