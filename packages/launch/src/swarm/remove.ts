/** Takes away what a stack and its Swarm leave on this node. */
import { until } from '../exec.js';
import { LaunchError } from '../errors.js';
import { docker, dockerLines, dockerQuiet, engineAnswers } from '../host/docker.js';

const GONE_MS = 120_000;
/** How long broker and worker get to remove their own tool containers before we do it. */
const TOOLS_GONE_MS = 5_000;
/** How long the Swarm's gateway network may stay in use after the node has left. */
const GATEWAY_GONE_MS = 30_000;

const isEmpty = async (args: readonly string[]): Promise<boolean> => {
  const result = await dockerQuiet(args);
  return result.code !== 0 || result.stdout.trim() === '';
};

/** Removes a stack and waits until its services, containers and networks are gone. Throws LaunchError when they stay. */
export const removeStack = async (name: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const label = `label=com.docker.stack.namespace=${name}`;
  await dockerQuiet(['stack', 'rm', name], { timeoutMs: GONE_MS });
  const gone = async (): Promise<boolean> =>
    (await isEmpty(['service', 'ls', '-q', '--filter', label])) &&
    (await isEmpty(['ps', '-aq', '--filter', label])) &&
    (await isEmpty(['network', 'ls', '-q', '--filter', label]));
  if (!(await until(gone, { timeoutMs: GONE_MS, everyMs: 300 })))
    throw new LaunchError(`parts of the stack ${name} do not end; see docker ps --filter ${label}`);
};

/** Removes the tool containers of one engine broker that are still there after 5 s. */
export const removeToolContainers = async (broker: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const list = [
    'ps',
    '-aq',
    '--filter',
    'label=zerofleet.role=tool',
    '--filter',
    `label=zerofleet.broker=${broker}`,
  ];
  if (await until(() => isEmpty(list), { timeoutMs: TOOLS_GONE_MS, everyMs: 200 })) return;
  await docker(['rm', '--force', '--volumes', ...(await dockerLines(list))]);
};

/** Removes a volume; waits for the container that still holds it. */
export const removeVolume = async (name: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const removed = async (): Promise<boolean> => {
    const result = await dockerQuiet(['volume', 'rm', '--force', name]);
    return result.code === 0;
  };
  if (!(await until(removed, { timeoutMs: 20_000, everyMs: 500 })))
    throw new LaunchError(`volume ${name} is still in use`);
};

/** Ends the Swarm of this node, and removes the networks that it made. */
export const removeSwarm = async (): Promise<void> => {
  if (!(await engineAnswers())) return;
  await dockerQuiet(['swarm', 'leave', '--force']);
  // The engine lets go of what is attached to it a while after it has left.
  const isGone = async (): Promise<boolean> => {
    await dockerQuiet(['network', 'rm', 'docker_gwbridge']);
    return (await dockerQuiet(['network', 'inspect', 'docker_gwbridge'])).code !== 0;
  };
  await until(isGone, { timeoutMs: GATEWAY_GONE_MS, everyMs: 500 });
};

/** Takes a label off this node. */
export const removeNodeLabel = async (label: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const id = await docker(['info', '--format', '{{.Swarm.NodeID}}']);
  if (id !== '') await dockerQuiet(['node', 'update', '--label-rm', label, id]);
};
