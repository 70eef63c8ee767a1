/** Where things lie in the repository. All absolute, without a trailing slash. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');
/** Everything the launcher keeps between runs; ignored by git. */
export const HOME = join(ROOT, '.zerofleet');
export const BIN = join(HOME, 'bin');
export const LOGS = join(HOME, 'logs');
export const TOOLS = join(ROOT, 'images', 'tools');
export const DEFINITIONS = join(TOOLS, 'definitions');
export const RUNNER = join(TOOLS, 'runner');
/** Seccomp profile of tool containers. */
export const SECCOMP = join(ROOT, 'images', 'seccomp.json');
export const STACK_FILE = join(ROOT, 'stack.yml');
/** The demo tenant's API key, mode 0600. */
export const DEMO_KEY = join(HOME, 'demo.key');
/** Where `npm start` leaves a key of the fleet's operators. */
export const OPERATOR_KEY = join(HOME, 'operator.key');
/** What `docker stack deploy` needs to know of the built images, as shell assignments. */
export const IMAGES_ENV = join(HOME, 'images.env');

/** `packages/<name>/dist/<file>`. */
export const entryOf = (name: string, file = 'main.js'): string => join(ROOT, 'packages', name, 'dist', file);

/** A coordinator's arguments to Node: as in stack.yml, but for the old space, which the host bounds. */
export const coordinatorArgs = (): string[] => ['--max-semi-space-size=32', entryOf('coordinator')];

/** Makes `folder` and its parents, and returns it. `mode` is for what is made now; default what the umask leaves. */
export const ensureFolder = (folder: string, mode?: number): string => {
  mkdirSync(folder, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  return folder;
};
