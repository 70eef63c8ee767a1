/**
 * At most one launcher deploys a stack of a name at a time, whatever clone it runs from: they would share node labels,
 * volumes and the stack itself. The claim is an empty Swarm config, whose creation is atomic.
 */
import { LaunchError } from '../errors.js';
import { lastLine } from '../exec.js';
import { dockerQuiet, engineAnswers } from '../host/docker.js';
import type { Session } from '../session.js';

const OWNER = 'zerofleet.launch';
const nameOf = (stack: string): string => `${stack}_claim`;

/** Claims the name `stack` until `session` ends. Throws LaunchError when another launcher has it. */
export const claimStack = async (session: Session, stack: string): Promise<void> => {
  const { launchId } = session;
  session.make({ kind: 'claim', stack, launchId });
  const args = ['config', 'create', '--label', `${OWNER}=${launchId}`, nameOf(stack), '-'];
  const made = await dockerQuiet(args, { input: `${launchId}\n` });
  if (made.code === 0) return;
  if (!/already ?exists|AlreadyExists/i.test(made.stderr))
    throw new LaunchError(`the stack ${stack} cannot be claimed: ${lastLine(made)}`);
  throw new LaunchError(
    `another launcher deploys the stack ${stack} here; wait for its end, or, if there is none: docker config rm ${nameOf(stack)}`,
  );
};

/** Gives the name back, if this launch has it. */
export const releaseClaim = async (stack: string, launchId: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const format = `{{index .Spec.Labels "${OWNER}"}}`;
  const owner = await dockerQuiet(['config', 'inspect', '--format', format, nameOf(stack)]);
  if (owner.code === 0 && owner.stdout.trim() === launchId)
    await dockerQuiet(['config', 'rm', nameOf(stack)]);
};
