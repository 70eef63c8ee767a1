/** Takes away what a stack and its Swarm leave on this node. */
import { until } from '../exec.js';
import { LaunchError } from '../errors.js';
import { docker, dockerLines, dockerQuiet, engineAnswers } from '../host/docker.js';

const GONE_MS = 120_000;
/** How long broker and worker get to remove their own tool containers before we do it. */
const TOOLS_GONE_MS = 5_000;
/** The network by which a Swarm's containers reach the outside. */
const GATEWAY = 'docker_gwbridge';
/** How long after the node has left the engine may take to let go of its gateway network: Docker 20.10 gives up after 5 s. */
const GATEWAY_LETS_GO_MS = 8_000;
/** How long the gateway network may stay after that. */
const GATEWAY_GONE_MS = 20_000;

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

/** Ends the Swarm of this node, and removes the networks that it made. Throws LaunchError when they stay. */
export const removeSwarm = async (): Promise<void> => {
  if (!(await engineAnswers())) return;
  await dockerQuiet(['swarm', 'leave', '--force']);
  const tries = { everyMs: 500 };
  if (await until(gatewayGone, { ...tries, timeoutMs: GATEWAY_LETS_GO_MS })) return;
  const isGone = async (): Promise<boolean> => {
    await freeGateway();
    return gatewayGone();
  };
  if (!(await until(isGone, { ...tries, timeoutMs: GATEWAY_GONE_MS })))
    throw new LaunchError(`network ${GATEWAY} is still in use; see docker network inspect ${GATEWAY}`);
};

/** Removes the Swarm's gateway network; says whether it is gone. */
const gatewayGone = async (): Promise<boolean> => {
  await dockerQuiet(['network', 'rm', GATEWAY]);
  const named = await dockerQuiet(['network', 'ls', '-q', '--filter', `name=^${GATEWAY}$`]);
  return named.code === 0 && named.stdout.trim() === '';
};

/** Takes off the gateway network what an engine that gave up waiting for it has left attached: nobody else ever would. */
const freeGateway = async (): Promise<void> => {
  const names = '{{range .Containers}}{{println .Name}}{{end}}';
  const { stdout } = await dockerQuiet(['network', 'inspect', '--format', names, GATEWAY]);
  for (const name of stdout.split('\n').filter((line) => line !== ''))
    await dockerQuiet(['network', 'disconnect', '--force', GATEWAY, name]);
};

/** Takes a label off this node. */
export const removeNodeLabel = async (label: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const id = await docker(['info', '--format', '{{.Swarm.NodeID}}']);
  if (id !== '') await dockerQuiet(['node', 'update', '--label-rm', label, id]);
};
