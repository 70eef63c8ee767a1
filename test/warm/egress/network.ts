/**
 * The network of processes that were started in namespaces of their own: all of it is made here and goes with them. Nothing of the
 * machine's own network is touched.
 *
 *     near: the fleet, name server, bridge ── world ── far: everything that is elsewhere
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@zerofleet/launch';

export interface NetworkPlan {
  /** Addresses, with their network's length, of an interface that has the name of Docker's bridge. */
  readonly own: readonly string[];
  /** The same, of an interface that nothing is plugged into: it has no network, and answers at these addresses all the same. */
  readonly unplugged: readonly string[];
  readonly elsewhere: readonly string[];
}

/** The link between near and far. */
const [NEAR, FAR] = ['192.168.77.1', '192.168.77.2'];

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

const ip = (lines: readonly string[]): Promise<string> =>
  run('ip', ['-batch', '-'], { env, input: `${lines.join('\n')}\n` });

/** A pair of interfaces: a bridge would need others to be up. */
const pair = (name: string): string => `link add ${name} type veth peer name ${name}-peer`;
const addresses = (all: readonly string[], name: string): string[] =>
  all.map((address) => `addr add ${address} dev ${name}`);

/** Sets up this process's network, with process `farPid` at its other end, which is yet to do its part. */
export const makeNear = async (plan: NetworkPlan, farPid: number): Promise<void> =>
  void (await ip([
    'link set lo up',
    pair('docker0'),
    'link set docker0 up',
    'link set docker0-peer up',
    ...addresses(plan.own, 'docker0'),
    pair('unplugged'),
    'link set unplugged up',
    ...addresses(plan.unplugged, 'unplugged'),
    `${pair('world')} netns ${farPid}`,
    'link set world up',
    `addr add ${NEAR}/24 dev world`,
  ]));

/** Sets up the far process's network, once makeNear is done. */
export const makeFar = async ({ elsewhere }: NetworkPlan): Promise<void> =>
  void (await ip([
    'link set lo up',
    'link set world-peer up',
    `addr add ${FAR}/24 dev world-peer`,
    ...addresses(elsewhere, 'lo'),
  ]));

/** Opens the way from near to far, once makeFar is done. */
export const joinFar = async ({ elsewhere }: NetworkPlan): Promise<void> =>
  void (await ip(elsewhere.map((address) => `route add ${address}/32 via ${FAR}`)));

/** Makes the name server at loopback this process's only one. `folder` keeps a file for it. */
export const askOwnNameServer = async (folder: string): Promise<void> => {
  const servers = join(folder, 'resolv.conf');
  writeFileSync(servers, 'nameserver 127.0.0.1\n');
  await run('mount', ['--bind', servers, '/etc/resolv.conf'], { env });
};
