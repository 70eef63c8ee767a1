/** Where a tool container must not get to: every service of the fleet and the host, by every address and name that they have. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { AbuseFacts } from '../setup.js';
import { ask } from './engine.js';

/** A way and where it leads: a kind of socket with an address, or a name to resolve. */
export type Place = readonly [way: 'tcp' | 'udp' | 'unix' | 'abstract' | 'name', where: string];

/** The engine's API, a Swarm's management and gossip; NATS, Redis, Postgres at their usual ports; ssh. */
const USUAL_PORTS = [2375, 2376, 2377, 7946, 4222, 8222, 6222, 6379, 5432, 22, 53];
/** The port of overlay networks, gossip, and names, by datagram. */
const DATAGRAM_PORTS = [4789, 7946, 53];
/** Addresses of metadata services and what stands for the internet (RFC 5737, RFC 3849): nobody is there. */
const OUTSIDE = [
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  'fd00:ec2::254',
  '192.0.2.1',
  '2001:db8::1',
];
const NAMES = [
  ...[
    'metadata.google.internal',
    'metadata',
    'instance-data',
    'host.docker.internal',
    'gateway.docker.internal',
  ],
  ...['nats', 'redis', 'coordinator', 'worker', 'engine-broker', 'tasks.nats', 'tasks.zerofleet_nats'],
  ...['zerofleet_nats', 'zerofleet_coordinator', 'example.com', 'c2VjcmV0.exfil.example.com'],
];
const SOCKETS = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/containerd/containerd.sock.ttrpc',
  '/run/docker/metrics.sock',
  '/run/docker/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/dbus/system_bus_socket',
  '/run/systemd/private',
  '/run/zerofleet/broker.sock',
];

const portOf = (url: string): number => Number(new URL(url).port);

/** Every port that a process of the fleet listens at. */
const fleetPorts = ({ apiUrl, adminUrls, natsUrl, natsMonitorUrl, redisUrl }: AbuseFacts): number[] =>
  [apiUrl, natsUrl, natsMonitorUrl, redisUrl, ...Object.values(adminUrls)].map(portOf);

/** Addresses of this host, and of every gateway and container of the engine's networks. */
const addresses = async (): Promise<string[]> => {
  const own = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
  const networks = await ask<{ Id: string }[]>('/networks');
  const found: string[] = [];
  for (const { Id: id } of networks) {
    const { IPAM, Containers } = await ask<{
      IPAM: { Config: { Gateway?: string }[] | null };
      Containers: Record<string, { IPv4Address: string }>;
    }>(`/networks/${id}`);
    found.push(...(IPAM.Config ?? []).flatMap(({ Gateway }) => Gateway ?? []));
    found.push(...Object.values(Containers).map(({ IPv4Address }) => IPv4Address.split('/')[0] ?? ''));
  }
  // Link-local addresses need a scope that a container would have to have first.
  return [...new Set([...own, ...found])].filter((address) => address !== '' && !address.startsWith('fe80'));
};

/** Everything that a container of that fleet could try. */
export const forbiddenPlaces = async (of: AbuseFacts): Promise<readonly Place[]> => {
  const here = await addresses();
  const ports = [...fleetPorts(of), ...USUAL_PORTS];
  return [
    ...here.flatMap((address) => ports.map((port): Place => ['tcp', `${address}:${port}`])),
    ...here.flatMap((address) => DATAGRAM_PORTS.map((port): Place => ['udp', `${address}:${port}`])),
    ...OUTSIDE.flatMap((address): Place[] => [
      ['tcp', `${address}:80`],
      ['udp', `${address}:53`],
    ]),
    ...NAMES.map((name): Place => ['name', name]),
    ...[...SOCKETS, join(of.folder, 'broker.sock')].map((path): Place => ['unix', path]),
    ...['/containerd-shim/moby', 'neighbour', '/tmp/dbus'].map((name): Place => ['abstract', name]),
    // Of another container, which listens while this one looks.
    ['tcp', '127.0.0.1:7777'],
    ['unix', '/tmp/neighbour'],
  ];
};
