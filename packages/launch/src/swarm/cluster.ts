/** The Swarm of this node: made when there is none, with the labels that stack.yml asks for. */
import { networkInterfaces } from 'node:os';
import { LaunchError } from '../errors.js';
import { docker, dockerQuiet } from '../host/docker.js';
import { lastLine } from '../exec.js';
import type { Session } from '../session.js';

const LABELS = { 'zerofleet.data': 'true', 'zerofleet.pool': 'default' } as const;

/** Makes sure that this node is a manager; one that this call makes is undone when `session` ends. Throws LaunchError. */
export const ensureSwarm = async (session: Session): Promise<void> => {
  const state = await docker(['info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}']);
  if (state === 'active true') return;
  if (state.startsWith('active')) throw new LaunchError('this node is a Swarm worker; run this on a manager');
  if (!state.startsWith('inactive'))
    throw new LaunchError(
      `this node's Swarm is in state '${state}'; run docker swarm leave --force and start again`,
    );
  session.make({ kind: 'swarm' });
  const init = (address: string, port: string) =>
    dockerQuiet(['swarm', 'init', '--advertise-addr', address, '--listen-addr', `${address}${port}`], {
      signal: session.signal,
    });
  const loopback = await init('127.0.0.1', ':2377');
  if (loopback.code === 0) return;
  session.check();
  const main = await init(mainAddress(), ':2377');
  if (main.code !== 0) throw new LaunchError(`docker swarm init failed: ${lastLine(main)}`);
};

/** The first IPv4 address that is not loopback. */
const mainAddress = (): string =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((entry) => entry.family === 'IPv4' && !entry.internal)?.address ?? '127.0.0.1';

/** This node's id, which names its worker and its broker too. */
export const nodeId = (): Promise<string> => docker(['info', '--format', '{{.Swarm.NodeID}}']);

/** Sets the labels that are not set; those are taken off again when `session` ends. */
export const ensureLabels = async (session: Session): Promise<void> => {
  const id = await nodeId();
  const present = JSON.parse(
    await docker(['node', 'inspect', '--format', '{{json .Spec.Labels}}', id]),
  ) as Record<string, string>;
  for (const [label, value] of Object.entries(LABELS)) {
    if (present[label] === value) continue;
    session.make({ kind: 'node-label', label });
    await docker(['node', 'update', '--label-add', `${label}=${value}`, id]);
  }
};

/** Creates a Swarm secret from `value`, which never stands in an argument. */
export const createSecret = async (session: Session, name: string, value: string): Promise<void> => {
  session.make({ kind: 'secret', name });
  await docker(['secret', 'create', name, '-'], { input: value });
};
