/** A shard's streams and stores over one connection: the engine's ports, the gateway's read side, and what a leader runs. */
import type { ShardId } from '@zerofleet/model';
import type { ShardNames } from '@zerofleet/protocol';
import { jetstreamManager } from '@nats-io/jetstream';
import {
  natsBlobStore,
  ServiceGroup,
  systemClock,
  type BlobStore,
  type Logger,
  type NatsConnection,
  type Redis,
} from '@zerofleet/runtime';
import { BlobSweeper } from './adapters/blob-sweeper.js';
import { DeadLetters } from './adapters/dead-letters.js';
import { NatsLeaderLine, RemoteLeader } from './adapters/leader-line.js';
import { NatsLedger } from './adapters/nats-ledger.js';
import { NatsWorkers } from './adapters/nats-workers.js';
import { OutcomeIndexer } from './adapters/outcome-index.js';
import { OutcomeStore } from './adapters/outcomes.js';
import { ensureStreams } from './adapters/streams.js';
import { NatsTimers } from './adapters/timers.js';
import type { CoordinatorConfig } from './config.js';
import type { Engine } from './engine/engine.js';
import type { LeaderPort, LedgerPort, OutcomePort, TimerPort, WorkerPort } from './engine/ports.js';
import type { ShardState } from './engine/shard-state.js';
import type { DeadLetterAccess } from './gateway/shard-access.js';

/** A look that was lost with a connection must not hold those who wait for it: it is made again, in ms. */
const LOOK_TIMEOUT_MS = 1_500;
/** Blobs are kept longer than what may name them by this, in ms. */
const BLOB_MARGIN_MS = 86_400_000;

export interface OpenShard {
  readonly ports: {
    readonly ledger: LedgerPort;
    readonly timers: TimerPort;
    readonly workers: WorkerPort;
    readonly outcomes: OutcomePort;
    readonly line: LeaderPort;
  };
  readonly remote: RemoteLeader;
  readonly blobs: BlobStore;
  readonly deadLetters: DeadLetterAccess;
  /** Runs what a leader runs, until the returned function is called. */
  lead(engine: Engine, state: ShardState): () => Promise<void>;
}

/** Makes the streams and opens everything on them. Throws on broken IO. */
export const openShard = async (options: {
  readonly connection: NatsConnection;
  readonly names: ShardNames;
  readonly config: Readonly<CoordinatorConfig>;
  readonly redis: Redis;
  readonly log: Logger;
}): Promise<OpenShard> => {
  const { connection, names, config, redis, log } = options;
  const shard = config.shard as ShardId;
  const manager = await ensureStreams(connection, names, config);
  const looks = await jetstreamManager(connection, { timeout: LOOK_TIMEOUT_MS });
  const deadLetters = new DeadLetters(connection, manager, names);
  const workers = new NatsWorkers(connection, names, log);
  const blobs = natsBlobStore(connection, names.blobs, {
    maxBytes: config.blobsMaxBytes,
    replicas: config.replicas,
  });
  const outcomes = new OutcomeStore({
    ...{ connection, manager: looks, names, shard, redis },
    ...{ clock: systemClock, dead: deadLetters },
  });
  const indexer = new OutcomeIndexer({
    connection,
    manager: looks,
    names,
    shard,
    redis,
    clock: systemClock,
    log,
    kept: (ledgerSeq) => outcomes.keptOf(ledgerSeq),
  });
  return {
    ports: {
      ledger: new NatsLedger(connection, { manager, looks }, names),
      timers: new NatsTimers(connection, manager, names),
      workers,
      outcomes,
      line: new NatsLeaderLine(connection, names, log),
    },
    remote: new RemoteLeader(connection, names),
    blobs,
    deadLetters,
    lead: (engine, state) => {
      const stopListening = workers.listen(engine);
      const sweeper = new BlobSweeper({
        blobs,
        clock: systemClock,
        log,
        keepMs: config.outcomesMaxAgeMs + BLOB_MARGIN_MS,
        isNeeded: (sha256) => state.needsBlob(sha256),
      });
      const services = new ServiceGroup([indexer, sweeper]);
      void services.start();
      return async () => {
        stopListening();
        await services.stop();
      };
    },
  };
};
