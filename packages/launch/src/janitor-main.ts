/** The janitor's process: `janitor-main.js PID BEGAN` waits until that process is gone and cleans up after it. */
import { sleep } from './exec.js';
import { isAlive } from './made.js';
import { recover, Session } from './session.js';

const LOOK_EVERY_MS = 200;

const [pid = '', began = ''] = process.argv.slice(2);
while (isAlive({ pid: Number(pid), began })) await sleep(LOOK_EVERY_MS);
await recover(new Session().made);
