/** How each kind of thing is taken away. Every undo may run twice, and for a thing that was never made. */
import { rmSync } from 'node:fs';
import { removeDisk } from './host/disk.js';
import { docker, dockerQuiet, engineAnswers } from './host/docker.js';
import { stopEngine } from './host/engine.js';
import { unmountBelow } from './host/mounts.js';
import { endProcesses } from './host/processes.js';
import type { Thing } from './made.js';
import { releaseClaim } from './swarm/claim.js';
import {
  removeNodeLabel,
  removeStack,
  removeSwarm,
  removeToolContainers,
  removeVolume,
} from './swarm/remove.js';

const quietly = async (args: readonly string[]): Promise<void> => {
  if (await engineAnswers()) await dockerQuiet(args);
};

/** Takes `thing` away. Throws when something of it is left. */
export const undo = async (thing: Thing): Promise<void> => {
  switch (thing.kind) {
    case 'folder':
      await unmountBelow([`${thing.path}/`]);
      return rmSync(thing.path, { recursive: true, force: true });
    case 'loop-mount':
      return removeDisk(thing);
    case 'processes':
      return endProcesses(thing.launchId);
    case 'tool-containers':
      return removeToolContainers(thing.broker);
    case 'engine':
      return stopEngine(thing);
    case 'swarm':
      return removeSwarm();
    case 'node-label':
      return removeNodeLabel(thing.label);
    case 'secret':
      return quietly(['secret', 'rm', thing.name]);
    case 'volume':
      return removeVolume(thing.name);
    case 'stack':
      return removeStack(thing.name);
    case 'claim':
      return releaseClaim(thing.stack, thing.launchId);
    case 'images':
      return removeImages(thing.prefix);
  }
};

const removeImages = async (prefix: string): Promise<void> => {
  if (!(await engineAnswers())) return;
  const list = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']);
  const ours = list.split('\n').filter((name) => name.startsWith(`${prefix}/`));
  if (ours.length > 0) await docker(['image', 'rm', '--force', ...ours]);
};
