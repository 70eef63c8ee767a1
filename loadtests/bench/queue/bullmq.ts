/**
 * BullMQ on Redis, configured to be fast: submissions in bulk, finished jobs removed at once, and the worker itself tells
 * the producer of what it completed, which costs less than QueueEvents.
 */
import { readFileSync } from 'node:fs';
import { Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { errorOf, PAYLOAD, type Listener, type QueueClient, type QueueWorker, type Role } from './client.js';
import { Completions, readCompletions } from './completions.js';
import { Outbox } from './outbox.js';

const QUEUE = 'bench';
const JOB = 'noop';
/** Pub/sub channel on which the worker names the jobs that it completed. */
const COMPLETED = 'bench:completed';
const OUTBOX = { batch: 256, calls: 8 } as const;

interface Data {
  readonly n: number;
  readonly payload: typeof PAYLOAD;
}

const connect = ({ brokers }: Role): Redis => {
  const redis = new Redis(brokers.redisUrl, {
    password: readFileSync(brokers.redisPasswordFile, 'utf8').trim(),
    maxRetriesPerRequest: null,
  });
  redis.on('error', ignored);
  return redis;
};

/** A broker that goes shows as jobs without outcome; at the end of a run it goes first. */
const ignored = (): void => undefined;

/** Submits with addBulk. */
export const openBullmq = async (role: Role, listener: Listener): Promise<QueueClient> => {
  const [connection, events] = [connect(role), connect(role)];
  const queue = new Queue<Data>(QUEUE, {
    connection,
    defaultJobOptions: { removeOnComplete: true },
  });
  queue.on('error', ignored);
  await queue.waitUntilReady();
  await events.subscribe(COMPLETED);
  events.on('message', (_channel: string, text: string) => readCompletions(text, (n) => listener.done(n)));
  const outbox = new Outbox(async (jobs) => {
    try {
      await queue.addBulk(jobs.map((n) => ({ name: JOB, data: { n, payload: PAYLOAD } })));
    } catch (error) {
      listener.failed(errorOf(error));
    }
  }, OUTBOX);
  return {
    submit: (n) => outbox.push(n),
    close: async () => {
      await queue.close();
      connection.disconnect();
      events.disconnect();
    },
  };
};

/** A worker whose jobs do nothing. */
export const workBullmq = async (role: Role): Promise<QueueWorker> => {
  const [connection, publisher] = [connect(role), connect(role)];
  const worker = new Worker<Data>(QUEUE, () => Promise.resolve(null), {
    connection,
    concurrency: role.concurrency,
  });
  const completions = new Completions((text) => void publisher.publish(COMPLETED, text));
  worker.on('completed', (job: Job<Data>) => completions.add(job.data.n));
  worker.on('error', ignored);
  await worker.waitUntilReady();
  return {
    close: async () => {
      await worker.close(true);
      connection.disconnect();
      publisher.disconnect();
    },
  };
};
