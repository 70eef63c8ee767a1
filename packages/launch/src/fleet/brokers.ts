/** NATS and Redis as child processes on loopback. */
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { LaunchError } from '../errors.js';
import type { NatsBinary } from '../host/nats.js';
import { newPassword, writeSecret } from '../keys.js';
import { ensureFolder } from '../paths.js';
import { fixedPort, freePort } from '../ports.js';
import type { PartSpec } from './part.js';
import { answersOk } from './status.js';

const READY_MS = 20_000;
export const NATS_USER = 'zerofleet';

export interface BrokerFiles {
  readonly folder: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
  /** Pause before a part that ended is started again, in ms; default that of Part. */
  readonly againMs?: number;
}

/** Whether an append is on disk when it is acknowledged, or some time after. */
export type NatsSync = 'always' | 'lazy';

export interface NatsPlan {
  readonly spec: PartSpec;
  readonly url: string;
  readonly monitorUrl: string;
  readonly passwordFile: string;
}

/** A NATS server on free ports with its store below `folder`. */
export const planNats = async (binary: NatsBinary, files: BrokerFiles): Promise<NatsPlan> => {
  const folder = ensureFolder(join(files.folder, 'nats'), 0o700);
  const password = newPassword();
  const passwordFile = writeSecret(join(folder, 'password'), password);
  const server: NatsServer = {
    name: 'nats',
    folder,
    store: join(folder, 'store'),
    port: await freePort(),
    monitor: await freePort(),
    password,
    sync: binary.synced ? 'always' : 'lazy',
  };
  return { ...planServer(binary, files, server), passwordFile };
};

export interface NatsClusterOptions {
  readonly servers: 1 | 3;
  readonly sync: NatsSync;
  /** Where each server keeps its streams; default below the files' folder. */
  readonly storeFolders?: readonly string[];
}

/** NATS servers that know each other, all of the same user and password. */
export interface NatsClusterPlan {
  readonly servers: readonly Omit<NatsPlan, 'passwordFile'>[];
  readonly passwordFile: string;
}

/**
 * One server, or a cluster of three, on ports that stay free while a server is down. Throws LaunchError where the
 * binary cannot sync, or a store folder is missing.
 */
export const planNatsCluster = async (
  binary: NatsBinary,
  files: BrokerFiles,
  options: NatsClusterOptions,
): Promise<NatsClusterPlan> => {
  const { servers, storeFolders, sync } = options;
  if (sync === 'always' && !binary.synced)
    throw new LaunchError(`nats-server ${binary.version} cannot sync each append`);
  if (storeFolders !== undefined && storeFolders.length !== servers)
    throw new LaunchError(`${servers} NATS servers need as many store folders, not ${storeFolders.length}`);
  const password = newPassword();
  const passwordFile = writeSecret(join(ensureFolder(files.folder, 0o700), 'nats.password'), password);
  const routes: number[] = [];
  for (let n = 0; servers > 1 && n < servers; n += 1) routes.push(await fixedPort());
  const plans: ReturnType<typeof planServer>[] = [];
  for (let n = 0; n < servers; n += 1) {
    const name = `nats-${n}`;
    const folder = ensureFolder(join(files.folder, name), 0o700);
    const store = storeFolders?.[n] ?? join(folder, 'store');
    const [port, monitor] = [await fixedPort(), await fixedPort()];
    const cluster = servers > 1 ? { cluster: { own: n, routes } } : {};
    plans.push(planServer(binary, files, { name, folder, store, port, monitor, password, sync, ...cluster }));
  }
  return { servers: plans, passwordFile };
};

interface NatsServer {
  readonly name: string;
  readonly folder: string;
  readonly store: string;
  readonly port: number;
  readonly monitor: number;
  readonly password: string;
  readonly sync: NatsSync;
  /** Ports of all servers' routes, and which one is this server's. */
  readonly cluster?: { readonly own: number; readonly routes: readonly number[] };
}

const planServer = (
  binary: NatsBinary,
  files: BrokerFiles,
  server: NatsServer,
): Omit<NatsPlan, 'passwordFile'> => {
  const config = join(server.folder, 'nats.conf');
  writeFileSync(config, `${natsConfig(server).join('\n')}\n`, { mode: 0o600 });
  const monitorUrl = `http://127.0.0.1:${server.monitor}`;
  return {
    url: `nats://127.0.0.1:${server.port}`,
    monitorUrl,
    spec: {
      name: server.name,
      command: binary.path,
      args: ['--config', config],
      env: files.env,
      logFile: join(files.logs, `${server.name}.log`),
      ready: () => answersOk(`${monitorUrl}/healthz`),
      readyMs: READY_MS,
      ...(files.againMs === undefined ? {} : { againMs: files.againMs }),
    },
  };
};

const natsConfig = (server: NatsServer): string[] => {
  const { cluster, monitor, name, password, port, store, sync } = server;
  const user = `{ user: ${NATS_USER}, password: "${password}" }`;
  return [
    'host: 127.0.0.1',
    `port: ${port}`,
    `http: "127.0.0.1:${monitor}"`,
    'max_payload: 1MB',
    `jetstream { store_dir: ${JSON.stringify(store)}${sync === 'always' ? ', sync_interval: always' : ''} }`,
    `authorization { users = [ ${user} ] }`,
    ...(cluster === undefined ? [] : clusterConfig(name, cluster.routes, cluster.own, password)),
  ];
};

const clusterConfig = (name: string, routes: readonly number[], own: number, password: string): string[] => [
  `server_name: ${name}`,
  'cluster {',
  '  name: zerofleet',
  `  listen: "127.0.0.1:${routes[own] ?? 0}"`,
  `  authorization { user: route, password: "${password}" }`,
  `  routes: [ ${routes.map((port) => `"nats://route:${password}@127.0.0.1:${port}"`).join(', ')} ]`,
  '  no_advertise: true',
  '}',
];

export interface RedisPlan {
  readonly spec: PartSpec;
  readonly url: string;
  readonly passwordFile: string;
}

export interface RedisOptions {
  /** What it writes to disk: nothing, its log each second, or its log before each answer. Default `none`. */
  readonly persistence?: 'none' | 'everysec' | 'always';
  /** A port that stays free while the server is down. */
  readonly port?: number;
}

/** A Redis server on a free port; unless told otherwise it writes nothing to disk. */
export const planRedis = async (
  program: string,
  files: BrokerFiles,
  options: RedisOptions = {},
): Promise<RedisPlan> => {
  const folder = ensureFolder(join(files.folder, 'redis'), 0o700);
  const port = options.port ?? (await freePort());
  const persistence = options.persistence ?? 'none';
  const password = newPassword();
  const passwordFile = writeSecret(join(folder, 'password'), password);
  const config = join(folder, 'redis.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    'save ""',
    // A process that renames itself loses its environment, by which an interrupted run's processes are found.
    'set-proc-title no',
    ...(persistence === 'none' ? ['appendonly no'] : ['appendonly yes', `appendfsync ${persistence}`]),
    'maxmemory 256mb',
    // An entry of the outcome index that went unnoticed would read as "no such job": a full Redis refuses instead.
    'maxmemory-policy noeviction',
    `requirepass ${password}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  return {
    url: `redis://127.0.0.1:${port}`,
    passwordFile,
    spec: {
      name: 'redis',
      command: program,
      args: [config],
      env: files.env,
      logFile: join(files.logs, 'redis.log'),
      ready: () => accepts(port),
      readyMs: READY_MS,
      ...(files.againMs === undefined ? {} : { againMs: files.againMs }),
    },
  };
};

/** Whether something accepts connections at a loopback port. */
const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
