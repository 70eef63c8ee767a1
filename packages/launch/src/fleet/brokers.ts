/** NATS and Redis as child processes on loopback. */
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { NatsBinary } from '../host/nats.js';
import { newPassword, writeSecret } from '../keys.js';
import { ensureFolder } from '../paths.js';
import { freePort } from '../ports.js';
import type { PartSpec } from './part.js';
import { answersOk } from './status.js';

const READY_MS = 20_000;

export interface BrokerFiles {
  readonly folder: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface NatsPlan {
  readonly spec: PartSpec;
  readonly url: string;
  readonly monitorUrl: string;
  readonly passwordFile: string;
}

/** A NATS server on free ports with its store below `folder`. */
export const planNats = async (binary: NatsBinary, files: BrokerFiles): Promise<NatsPlan> => {
  const folder = ensureFolder(join(files.folder, 'nats'), 0o700);
  const [port, monitor] = [await freePort(), await freePort()];
  const password = newPassword();
  const passwordFile = writeSecret(join(folder, 'password'), password);
  const config = join(folder, 'nats.conf');
  const lines = [
    `host: 127.0.0.1`,
    `port: ${port}`,
    `http: "127.0.0.1:${monitor}"`,
    'max_payload: 1MB',
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))}${binary.synced ? ', sync_interval: always' : ''} }`,
    `authorization { users = [ { user: zerofleet, password: "${password}" } ] }`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const monitorUrl = `http://127.0.0.1:${monitor}`;
  return {
    url: `nats://127.0.0.1:${port}`,
    monitorUrl,
    passwordFile,
    spec: {
      name: 'nats',
      command: binary.path,
      args: ['--config', config],
      env: files.env,
      logFile: join(files.logs, 'nats.log'),
      ready: () => answersOk(`${monitorUrl}/healthz`),
      readyMs: READY_MS,
    },
  };
};

export interface RedisPlan {
  readonly spec: PartSpec;
  readonly url: string;
  readonly passwordFile: string;
}

/** A Redis server on a free port that writes nothing to disk. */
export const planRedis = async (program: string, files: BrokerFiles): Promise<RedisPlan> => {
  const folder = ensureFolder(join(files.folder, 'redis'), 0o700);
  const port = await freePort();
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
    'appendonly no',
    'maxmemory 256mb',
    'maxmemory-policy allkeys-lru',
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
