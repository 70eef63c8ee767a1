/**
 * A shard's streams: made what this release needs (creates what is missing, updates what may change, refuses the rest),
 * read to their end, and followed.
 *
 * T1  READ_AHEAD messages of the server's largest payload fit below what it keeps for a slow client (64 MiB); with more
 *     it cuts the connection in the middle of a catch-up.
 */
import {
  DeliverPolicy,
  DiscardPolicy,
  jetstreamManager,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerMessages,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type OrderedConsumerOptions,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

export interface StreamSettings {
  readonly replicas: number;
  readonly ledgerMaxBytes: number;
  readonly outcomesMaxBytes: number;
  /** How long outcomes and dead letters are kept. */
  readonly outcomesMaxAgeMs: number;
  readonly timersMaxBytes: number;
  readonly deadMaxBytes: number;
}

/** JetStream's error code for a stream that does not exist. */
const STREAM_NOT_FOUND = 10_059;
const NANOS_PER_MS = 1_000_000;
/** Messages that a read asks for ahead (T1). */
const READ_AHEAD = 60;
/** How often the server says that it has nothing; two of these missed, and the consumer is looked for, in ms. */
const HEARTBEAT_MS = 2_000;
/** A read that gets no message for so long is broken. */
const READ_STALL_MS = 10_000;

/** Creates or updates the ledger, the outcomes, the timer and the dead letter stream. Throws on broken IO. */
export const ensureStreams = async (
  connection: NatsConnection,
  names: ShardNames,
  settings: StreamSettings,
): Promise<JetStreamManager> => {
  const manager = await jetstreamManager(connection, { timeout: 5_000 });
  for (const config of configsOf(names, settings))
    await ensure(manager, {
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      num_replicas: settings.replicas,
      ...config,
    });
  return manager;
};

/** Only what nobody may miss refuses new messages when it is full; projections drop their oldest. */
const configsOf = (
  names: ShardNames,
  settings: StreamSettings,
): readonly (Partial<StreamConfig> & { name: string })[] => {
  const maxAge = settings.outcomesMaxAgeMs * NANOS_PER_MS;
  const newestOnly = {
    discard: DiscardPolicy.Old,
    max_age: maxAge,
    max_msgs_per_subject: 1,
    allow_direct: true,
  };
  return [
    {
      name: names.ledgerStream,
      subjects: [names.ledgerSubject],
      discard: DiscardPolicy.New,
      max_bytes: settings.ledgerMaxBytes,
    },
    {
      name: names.outcomesStream,
      subjects: [names.outcomesAll],
      max_bytes: settings.outcomesMaxBytes,
      ...newestOnly,
    },
    {
      name: names.timersStream,
      subjects: [names.timersAll],
      discard: DiscardPolicy.New,
      max_bytes: settings.timersMaxBytes,
    },
    { name: names.deadStream, subjects: [names.deadAll], max_bytes: settings.deadMaxBytes, ...newestOnly },
  ];
};

const ensure = async (
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
): Promise<void> => {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
    await manager.streams.add(config);
    return;
  }
  await manager.streams.update(config.name, config);
};

/** Takes a message of a stream; the next one waits for what it returns. */
export type Take = (message: JsMsg) => void | Promise<void>;

/**
 * Hands over what the stream holds from `fromSeq` to its end as it is now; resolves to its last sequence (0: none ever).
 * Throws on broken IO.
 */
export const readStream = async (
  client: JetStreamClient,
  manager: JetStreamManager,
  stream: string,
  fromSeq: number,
  take: Take,
  options: Partial<OrderedConsumerOptions> = {},
): Promise<number> => {
  const { state } = await manager.streams.info(stream);
  const last = state.last_seq;
  if (last < fromSeq || state.messages === 0) return last;
  const { messages, close } = await open(client, stream, fromSeq, options);
  let stalled = false;
  let taking = false;
  const watchdog = setTimeout(() => {
    if (taking) return;
    stalled = true;
    messages.stop();
  }, READ_STALL_MS);
  try {
    for await (const message of messages) {
      if (message.seq > last) break;
      taking = true;
      const taken = take(message);
      if (taken !== undefined) await taken;
      taking = false;
      watchdog.refresh();
      if (message.seq === last || message.info.pending === 0) break;
    }
  } finally {
    clearTimeout(watchdog);
    close();
  }
  if (stalled) throw new Error(`${stream} sent nothing for ${READ_STALL_MS} ms`);
  return last;
};

/**
 * Hands over every message from `fromSeq` on, as it is stored, until the returned function is called. `broken` hears, once,
 * that nothing more will come: the consumer or the stream is gone, the connection was closed, `take` threw. A connection
 * that is lost and comes back is not the end of it. Resolves once it follows. Throws on broken IO.
 */
export const followStream = async (
  client: JetStreamClient,
  stream: string,
  fromSeq: number,
  take: Take,
  broken: (reason: string) => void,
  options: Partial<OrderedConsumerOptions> = {},
): Promise<() => void> => {
  const { messages, close } = await open(client, stream, fromSeq, options);
  let live = true;
  const stop = (): void => {
    live = false;
    close();
  };
  const fail = (reason: string): void => {
    if (!live) return;
    stop();
    broken(reason);
  };
  void listen(messages, fail);
  void (async () => {
    try {
      for await (const message of messages) {
        if (!live) return;
        const taken = take(message);
        if (taken !== undefined) await taken;
      }
      fail(`${stream} is not followed any more`);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  })();
  return stop;
};

interface Reading {
  readonly messages: ConsumerMessages;
  readonly close: () => void;
}

const open = async (
  client: JetStreamClient,
  stream: string,
  fromSeq: number,
  options: Partial<OrderedConsumerOptions>,
): Promise<Reading> => {
  const consumer = await client.consumers.get(stream, {
    ...options,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(fromSeq, 1),
  });
  const messages = await consumer.consume({ max_messages: READ_AHEAD, idle_heartbeat: HEARTBEAT_MS });
  const close = (): void => {
    messages.stop();
    // The server forgets it by itself too, minutes later.
    consumer.delete().catch(() => undefined);
  };
  return { messages, close };
};

/** The client would make a lost consumer again without end; whoever follows decides that. */
const listen = async (messages: ConsumerMessages, fail: (reason: string) => void): Promise<void> => {
  for await (const { type } of messages.status())
    if (type === 'consumer_not_found' || type === 'consumer_deleted' || type === 'stream_not_found')
      fail(type.replaceAll('_', ' '));
};
