/** Makes a shard's streams what this release needs: creates what is missing, updates what may change, refuses the rest. */
import {
  DiscardPolicy,
  jetstreamManager,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

export interface StreamSettings {
  readonly replicas: number;
  readonly ledgerMaxBytes: number;
  readonly outcomesMaxBytes: number;
  readonly outcomesMaxAgeMs: number;
}

/** JetStream's error code for a stream that does not exist. */
const STREAM_NOT_FOUND = 10_059;
const NANOS_PER_MS = 1_000_000;

/** Creates or updates the ledger and the outcomes stream. Throws on broken IO. */
export const ensureStreams = async (
  connection: NatsConnection,
  names: ShardNames,
  settings: StreamSettings,
): Promise<JetStreamManager> => {
  const manager = await jetstreamManager(connection, { timeout: 5_000 });
  await ensure(manager, {
    name: names.ledgerStream,
    subjects: [names.ledgerSubject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_bytes: settings.ledgerMaxBytes,
    num_replicas: settings.replicas,
  });
  await ensure(manager, {
    name: names.outcomesStream,
    subjects: [names.outcomesAll],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_bytes: settings.outcomesMaxBytes,
    max_age: settings.outcomesMaxAgeMs * NANOS_PER_MS,
    max_msgs_per_subject: 1,
    allow_direct: true,
    num_replicas: settings.replicas,
  });
  return manager;
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
