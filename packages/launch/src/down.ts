/** `npm start -- --down`: takes away everything that the launcher ever made here, images and caches too. */
import { rmSync } from 'node:fs';
import { LaunchError } from './errors.js';
import { which } from './exec.js';
import { engineAnswers } from './host/docker.js';
import { ensureEngine, whyNoEngine } from './host/engine.js';
import { isAlive } from './made.js';
import { say, step } from './output.js';
import { HOME } from './paths.js';
import { recover, type Session } from './session.js';
import { undo } from './undo.js';

/** Returns the exit code. Throws LaunchError while another launcher runs. */
export const down = async (session: Session): Promise<number> => {
  const entries = session.made.list();
  const alive = entries.find((entry) => entry.thing.kind !== 'images' && isAlive(entry.owner));
  if (alive !== undefined)
    throw new LaunchError(
      `a fleet still runs (pid ${alive.owner.pid}); end that with Ctrl-C or kill ${alive.owner.pid} first`,
    );
  let complete = false;
  // Noted first, so that it is the last thing done: what comes after it still needs files in there.
  session.atEnd('.zerofleet', () =>
    Promise.resolve(complete ? rmSync(HOME, { recursive: true, force: true }) : undefined),
  );
  await step('what earlier runs left', async () => recover(session.made));
  const images = session.made.list().filter((entry) => entry.thing.kind === 'images');
  if (images.length > 0) await removeImages(session, images);
  const left = session.made.list().filter((entry) => !isAlive(entry.owner));
  if (left.length > 0) {
    say(
      `Not everything could be taken away: ${left.map((entry) => entry.thing.kind).join(', ')}; run it again.`,
    );
    return 1;
  }
  complete = true;
  say('Everything that was made here is gone. Packages that were installed for it stay.');
  return 0;
};

/** Images are with the engine: one that was stopped is started for this, and stopped again. */
const removeImages = async (session: Session, images: ReturnType<Session['made']['list']>): Promise<void> => {
  await step('images', async () => {
    if (!(await engineAnswers())) {
      if ((await which('dockerd')) === undefined || (await whyNoEngine()) !== undefined) return;
      await ensureEngine(session);
    }
    for (const entry of images) {
      await undo(entry.thing);
      session.made.drop(entry.id);
    }
  });
};
