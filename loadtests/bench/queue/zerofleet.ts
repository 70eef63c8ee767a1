/**
 * Zerofleet's producer does what a gateway does: it hands jobs to the leader in batches of what waits, and follows the
 * ledger, whose `finished` events are the outcomes.
 */
import { DeliverPolicy, jetstream, type JsMsg } from '@nats-io/jetstream';
import { decodeCommit } from '@zerofleet/protocol';
import { connectNats, silentLogger } from '@zerofleet/runtime';
import { errorOf, type Listener, type QueueClient, type Role } from './client.js';
import { envelope, SHARD, submitJobs } from './jobs.js';
import { Outbox } from './outbox.js';

const OUTBOX = { batch: 256, calls: 4 } as const;
const READ_AHEAD = 256;

/** Submits to the leader, many jobs a call. */
export const openZerofleet = async (role: Role, listener: Listener): Promise<QueueClient> => {
  const { connection } = await connectNats(role.brokers, 'bench producer', silentLogger());
  const numbers = new Map<string, number>();
  const take = ({ data }: JsMsg): void => {
    const commit = decodeCommit(data);
    if (!commit.ok) return listener.failed(new Error(`the ledger cannot be read: ${commit.reason}`));
    for (const event of commit.value.events) {
      const n = event.kind === 'finished' ? numbers.get(event.id) : undefined;
      if (event.kind !== 'finished' || n === undefined) continue;
      numbers.delete(event.id);
      if (event.outcome.kind === 'succeeded') listener.done(n);
      else listener.failed(new Error(`a job ended as ${event.outcome.kind}`));
    }
  };
  const consumer = await jetstream(connection).consumers.get(SHARD.ledgerStream, {
    deliver_policy: DeliverPolicy.New,
  });
  const messages = await consumer.consume({ max_messages: READ_AHEAD, callback: take });
  const submit = async (jobs: readonly number[]): Promise<void> => {
    const envelopes = jobs.map((n) => {
      const job = envelope();
      numbers.set(job.id, n);
      return job;
    });
    await submitJobs(connection, envelopes);
  };
  const outbox = new Outbox(
    (jobs) => submit(jobs).catch((error: unknown) => listener.failed(errorOf(error))),
    OUTBOX,
  );
  return {
    submit: (n) => outbox.push(n),
    close: async () => {
      messages.stop();
      await connection.close();
    },
  };
};
