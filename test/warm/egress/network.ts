/**
 * The network of a process that was started in namespaces of its own (`unshare --net --mount`): all of it is made here, and it
 * goes with the process. Nothing of the machine's own network is touched.
 *
 * N1  What is `elsewhere` is delivered here and is no address of any interface: to a worker it is as far away as it looks.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@zerofleet/launch';

export interface NetworkPlan {
  /** Addresses with their network's length, of an interface that has the name of Docker's bridge. */
  readonly own: readonly string[];
  readonly elsewhere: readonly string[];
}

/** Sets up addresses, and a name server at loopback as the only one. `folder` keeps a file for it. */
export const makeNetwork = async ({ own, elsewhere }: NetworkPlan, folder: string): Promise<void> => {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const lines = [
    'link set lo up',
    // A pair, since a bridge that nothing is plugged into counts as down.
    'link add docker0 type veth peer name docker0-peer',
    'link set docker0 up',
    'link set docker0-peer up',
    ...own.map((address) => `addr add ${address} dev docker0`),
    ...elsewhere.map((address) => `route add local ${address}/32 dev lo`),
  ];
  await run('ip', ['-batch', '-'], { env, input: `${lines.join('\n')}\n` });
  const servers = join(folder, 'resolv.conf');
  writeFileSync(servers, 'nameserver 127.0.0.1\n');
  await run('mount', ['--bind', servers, '/etc/resolv.conf'], { env });
};
