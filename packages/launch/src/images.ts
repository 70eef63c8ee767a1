/** `npm run images`: builds every image of the fleet, and says how a stack finds them. */
import { command } from './command.js';
import { LaunchError } from './errors.js';
import { ensureEngine } from './host/engine.js';
import { ensureImages, imagesEnv, referenceOf, type ImageName } from './images/build.js';
import { say } from './output.js';
import { IMAGES_ENV } from './paths.js';
import { recover } from './session.js';

const NAMES: readonly ImageName[] = ['base-node', 'tools', 'fleet', 'nats', 'redis'];

export const main = (_command: string, args: readonly string[]): Promise<void> =>
  command(async (session) => {
    if (args.length > 0)
      throw new LaunchError('images takes no arguments; the prefix comes from ZF_IMAGE_PREFIX', 2);
    await recover(session.made);
    await ensureEngine(session);
    const images = await ensureImages(session, NAMES);
    say(`Images (${images.bases.kind} bases):`);
    for (const name of NAMES) say(`  ${referenceOf(images, name)}`);
    say(`For docker stack deploy:  . ${IMAGES_ENV}`);
    for (const [name, value] of Object.entries(imagesEnv(images))) say(`  ${name}=${value}`);
    return 0;
  });
