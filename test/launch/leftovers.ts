/** What of ours is on this machine: processes, containers, volumes, networks, network namespaces, mounts. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Programs that a fleet runs on the host itself. */
const OURS =
  /nats-server|redis-server|packages\/(coordinator|worker|engine-broker)\/dist|images\/tools\/runner/;

const processes = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
        return OURS.test(words) ? [`${pid} ${words}`] : [];
      } catch {
        return [];
      }
    });

const docker = (...args: string[]): string[] => {
  const text = execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text.split('\n').filter((line) => line !== '');
};

const folder = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

/**
 * Everything of ours there is now, a line each, sorted. The engine's namespaces are among the mounts (nsfs); the empty
 * files under /run/docker/netns are not namespaces, the engine sweeps them once a minute.
 */
export const inventory = (): string[] =>
  [
    ...processes(),
    ...docker('ps', '-aq', '--no-trunc').map((id) => `container ${id}`),
    ...docker('volume', 'ls', '-q').map((name) => `volume ${name}`),
    ...docker('network', 'ls', '--format', '{{.Name}}').map((name) => `network ${name}`),
    `swarm ${docker('info', '--format', '{{.Swarm.LocalNodeState}}').join()}`,
    ...folder('/run/netns').map((name) => `netns ${name}`),
    ...readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => /overlay|nsfs|zerofleet|shm/.test(line))
      .map((line) => `mount ${line.split(' ')[1]}`),
  ].sort();
