/** Reads a deployed fleet's ledger from its host: what tests audit a client's own list against. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseShardId } from '@zerofleet/model';
import { decodeCommit, shardNames, type Commit } from '@zerofleet/protocol';
import { connectNats, createLogger } from '@zerofleet/runtime';
import { LaunchError } from '../errors.js';
import { docker } from '../host/docker.js';
import { writeSecret } from '../keys.js';
import { readStream } from '../streams.js';
import { containerOf, hostAddressOf } from './stack.js';

/** Calls `take` with every commit of the stack's ledger, in order. Throws LaunchError when NATS cannot be asked. */
export const readLedger = async (
  stack: string,
  take: (commit: Commit, seq: number) => void,
  shard = 's0',
): Promise<void> => {
  const container = await containerOf(stack, 'nats');
  const address = await hostAddressOf(stack, 'nats');
  const id = parseShardId(shard);
  if (container === undefined || address === undefined)
    throw new LaunchError(`${stack}_nats does not run on this node`);
  if (id === undefined) throw new LaunchError(`'${shard}' is no shard id`);
  const folder = mkdtempSync(join(tmpdir(), 'zf-ledger-'));
  try {
    const password = await docker(['exec', container, 'cat', '/run/secrets/nats_password']);
    const natsPasswordFile = writeSecret(join(folder, 'password'), password);
    const config = { natsUrl: `nats://${address}:4222`, natsUser: 'zerofleet', natsPasswordFile };
    const { connection } = await connectNats(config, 'ledger-reader', createLogger('ledger-reader', 'error'));
    try {
      await readStream(connection, shardNames(id).ledgerStream, (data, seq) => {
        const commit = decodeCommit(data);
        if (!commit.ok) throw new LaunchError(`ledger message ${seq} is broken: ${commit.reason}`);
        take(commit.value, seq);
      });
    } finally {
      await connection.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
