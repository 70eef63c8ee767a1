/**
 * A plain JetStream work queue: a message a job, acknowledged once its outcome, a second message, is stored. Then the
 * worker tells the producer by core NATS: a subscription to the outcomes themselves would hear of them before they are
 * stored.
 */
import {
  AckPolicy,
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JsMsg,
} from '@nats-io/jetstream';
import { connectNats, silentLogger, type NatsConnection } from '@zerofleet/runtime';
import { AckedPublisher } from './acked-publisher.js';
import { Completions, readCompletions } from './completions.js';
import { PAYLOAD, type Listener, type QueueClient, type QueueWorker, type Role } from './client.js';

const JOBS = { stream: 'BENCH_JOBS', subject: 'bench.jobs' } as const;
const OUTCOMES = { stream: 'BENCH_OUTCOMES', subject: 'bench.outcomes' } as const;
const CONSUMER = 'bench';
/** Core subject on which the worker names the jobs whose outcome is stored. */
const COMPLETED = 'bench.completed';
/** Outcomes kept: enough that nothing waits for room. */
const OUTCOME_BYTES_MAX = 256 * 1024 * 1024;

const linkOf = async ({ brokers }: Role, name: string): Promise<NatsConnection> =>
  (await connectNats(brokers, name, silentLogger())).connection;

/** Makes the streams and publishes jobs, each acknowledged, many in flight. */
export const openJetstream = async (role: Role, listener: Listener): Promise<QueueClient> => {
  const connection = await linkOf(role, 'bench producer');
  await makeStreams(connection);
  const publisher = new AckedPublisher(connection, (error) => listener.failed(error));
  connection.subscribe(COMPLETED, {
    callback: (error, message) => {
      if (error === null) readCompletions(message.string(), (n) => listener.done(n));
    },
  });
  return {
    submit: (n) => publisher.publish(JOBS.subject, JSON.stringify({ n, payload: PAYLOAD })),
    close: () => connection.close(),
  };
};

const makeStreams = async (connection: NatsConnection): Promise<void> => {
  const manager = await jetstreamManager(connection);
  const storage = StorageType.File;
  await manager.streams.add({
    name: JOBS.stream,
    subjects: [JOBS.subject],
    retention: RetentionPolicy.Workqueue,
    storage,
  });
  await manager.streams.add({
    name: OUTCOMES.stream,
    subjects: [OUTCOMES.subject],
    storage,
    discard: DiscardPolicy.Old,
    max_bytes: OUTCOME_BYTES_MAX,
  });
  await manager.consumers.add(JOBS.stream, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: -1,
  });
};

/** A pull consumer whose jobs do nothing. */
export const workJetstream = async (role: Role): Promise<QueueWorker> => {
  const connection = await linkOf(role, 'bench worker');
  const consumer = await jetstream(connection).consumers.get(JOBS.stream, CONSUMER);
  const publisher = new AckedPublisher(connection, (error) => process.stderr.write(`${error.message}\n`));
  const completions = new Completions((text) => connection.publish(COMPLETED, text));
  const finish = (message: JsMsg): void => {
    const { n } = message.json<{ n: number }>();
    publisher.publish(OUTCOMES.subject, JSON.stringify({ n, outcome: null }), () => {
      message.ack();
      completions.add(n);
    });
  };
  const messages = await consumer.consume({ max_messages: role.concurrency, callback: finish });
  return {
    close: async () => {
      messages.stop();
      await connection.close();
    },
  };
};
