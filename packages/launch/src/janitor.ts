/**
 * Cleans up after a process that may end without a chance to do so itself, such as one that runs tests: its runner ends it
 * in the middle of a clean-up. The janitor is a process of its own and out of reach of a Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { inheritedEnv } from './fleet/surroundings.js';
import { beganOf } from './made.js';
import { entryOf } from './paths.js';

/** Once this process is gone, whatever it noted and did not take away is taken away. */
export const startJanitor = (): void => {
  const owner = [String(process.pid), beganOf(process.pid) ?? ''];
  spawn(process.execPath, [entryOf('launch', 'janitor-main.js'), ...owner], {
    detached: true,
    stdio: 'ignore',
    env: inheritedEnv(),
  }).unref();
};
