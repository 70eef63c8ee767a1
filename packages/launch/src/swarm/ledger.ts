/** Reads what a deployed fleet keeps, from its host: what tests audit a client's own list against. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseShardId } from '@zerofleet/model';
import { decodeCommit, shardNames, type Commit } from '@zerofleet/protocol';
import { connectNats, createLogger, type NatsConnection } from '@zerofleet/runtime';
import { LaunchError } from '../errors.js';
import { docker } from '../host/docker.js';
import { writeSecret } from '../keys.js';
import { readStream } from '../streams.js';
import { containerOf, hostAddressOf } from './stack.js';

/** The password that a service of the stack was given. Throws LaunchError. */
const passwordOf = async (stack: string, service: 'nats' | 'redis'): Promise<string> => {
  const container = await containerOf(stack, service);
  if (container === undefined) throw new LaunchError(`${stack}_${service} does not run on this node`);
  return (await docker(['exec', container, 'cat', `/run/secrets/${service}_password`])).trim();
};

/** Lends a connection to the stack's NATS to `use`. Throws LaunchError when NATS cannot be asked. */
export const withNats = async <T>(
  stack: string,
  use: (connection: NatsConnection) => Promise<T>,
): Promise<T> => {
  const address = await hostAddressOf(stack, 'nats');
  if (address === undefined) throw new LaunchError(`${stack}_nats does not run on this node`);
  const folder = mkdtempSync(join(tmpdir(), 'zf-nats-'));
  try {
    const natsPasswordFile = writeSecret(join(folder, 'password'), await passwordOf(stack, 'nats'));
    const config = { natsUrl: `nats://${address}:4222`, natsUser: 'zerofleet', natsPasswordFile };
    const { connection } = await connectNats(config, 'ledger-reader', createLogger('ledger-reader', 'error'));
    try {
      return await use(connection);
    } finally {
      await connection.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The stack's Redis, from this host, with its password. Throws LaunchError when it does not run here. */
export const redisOf = async (
  stack: string,
): Promise<{ readonly host: string; readonly password: string }> => {
  const host = await hostAddressOf(stack, 'redis');
  if (host === undefined) throw new LaunchError(`${stack}_redis does not run on this node`);
  return { host, password: await passwordOf(stack, 'redis') };
};

/** Calls `take` with every commit of the stack's ledger, in order. Throws LaunchError when NATS cannot be asked. */
export const readLedger = async (
  stack: string,
  take: (commit: Commit, seq: number) => void,
  shard = 's0',
): Promise<void> => {
  const id = parseShardId(shard);
  if (id === undefined) throw new LaunchError(`'${shard}' is no shard id`);
  await withNats(stack, (connection) =>
    readStream(connection, shardNames(id).ledgerStream, (data, seq) => {
      const commit = decodeCommit(data);
      if (!commit.ok) throw new LaunchError(`ledger message ${seq} is broken: ${commit.reason}`);
      take(commit.value, seq);
    }),
  );
};
