/** `npm run load -- NAME` and `npm run bench -- NAME`: sets up what they need and runs the scenario. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.js';
import { LaunchError } from './errors.js';
import { ensureNats } from './host/nats.js';
import { LAUNCH_ID } from './host/processes.js';
import { ensureRedis } from './host/redis.js';
import { step } from './output.js';
import { ROOT } from './paths.js';
import { recover, type Session } from './session.js';

/** Scenarios in a folder of loadtests/dist. */
const namesIn = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.js') && !name.includes('.test.'))
        .map((name) => name.slice(0, -3))
    : [];

export const main = (kind: string, args: readonly string[]): Promise<void> =>
  command(async (session) => {
    const [name = '', ...rest] = args;
    const folder = join(ROOT, 'loadtests', 'dist', ...(kind === 'bench' ? ['bench'] : []));
    const known = namesIn(folder);
    if (!/^[a-z0-9-]+$/.test(name) || !known.includes(name))
      throw new LaunchError(
        `npm run ${kind} -- NAME needs one of: ${known.length === 0 ? 'none is built' : known.join(', ')}`,
        2,
      );
    await recover(session.made);
    await step('NATS server', () => ensureNats());
    await step('Redis server', () => ensureRedis());
    session.make({ kind: 'processes', launchId: session.launchId });
    return runScript(session, join(folder, `${name}.js`), rest);
  });

const runScript = (session: Session, script: string, args: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    session.check();
    const env = { ...process.env, [LAUNCH_ID]: session.launchId };
    const child = spawn(process.execPath, [script, ...args], {
      cwd: ROOT,
      env,
      detached: true,
      stdio: 'inherit',
    });
    session.signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 130));
  });
