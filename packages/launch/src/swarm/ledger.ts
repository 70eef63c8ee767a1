/** Reads a deployed fleet's ledger from its host: what tests audit a client's own list against. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseShardId } from '@zerofleet/model';
import { decodeCommit, shardNames, type Commit } from '@zerofleet/protocol';
import { connectNats, createLogger, type NatsConnection } from '@zerofleet/runtime';
import { LaunchError } from '../errors.js';
import { docker } from '../host/docker.js';
import { writeSecret } from '../keys.js';
import { containerOf, hostAddressOf } from './stack.js';

/** Requests in flight. */
const AT_ONCE = 64;
const REQUEST_MS = 10_000;

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
      await readAll(connection, shardNames(id).ledgerStream, take);
    } finally {
      await connection.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const readAll = async (
  connection: NatsConnection,
  stream: string,
  take: (commit: Commit, seq: number) => void,
): Promise<void> => {
  const ask = async <T>(subject: string, body: object): Promise<T> => {
    const reply = await connection.request(`$JS.API.STREAM.${subject}.${stream}`, JSON.stringify(body), {
      timeout: REQUEST_MS,
    });
    return reply.json<T>();
  };
  const { state } = await ask<{ state: { first_seq: number; last_seq: number } }>('INFO', {});
  for (let seq = state.first_seq; seq <= state.last_seq; seq += AT_ONCE) {
    const seqs = Array.from({ length: Math.min(AT_ONCE, state.last_seq - seq + 1) }, (_, n) => seq + n);
    const answers = await Promise.all(
      seqs.map((one) => ask<{ message?: { data?: string; seq: number } }>('MSG.GET', { seq: one })),
    );
    for (const { message } of answers) {
      // A message that was purged in between has none.
      if (message === undefined) continue;
      const commit = decodeCommit(Buffer.from(message.data ?? '', 'base64'));
      if (!commit.ok) throw new LaunchError(`ledger message ${message.seq} is broken: ${commit.reason}`);
      take(commit.value, message.seq);
    }
  }
};
