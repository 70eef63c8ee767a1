/** A shard's streams and stores over one connection: the engine's ports, the gateway's read side, and what a leader runs. */
import type { ShardId } from '@zerofleet/model';
import type { ShardNames } from '@zerofleet/protocol';
import { jetstreamManager } from '@nats-io/jetstream';
import {
  natsBlobStore,
  ServiceGroup,
  systemClock,
  type BlobReader,
  type BlobStore,
  type Logger,
  type NatsConnection,
  type Redis,
} from '@zerofleet/runtime';
import { BlobSweeper } from './adapters/blob-sweeper.js';
import { ControlStore } from './adapters/control-store.js';
import { DeadLetters } from './adapters/dead-letters.js';
import { NatsLeaderLine, RemoteLeader } from './adapters/leader-line.js';
import { NatsLedger } from './adapters/nats-ledger.js';
import { NatsWorkers } from './adapters/nats-workers.js';
import { OutcomeIndexer } from './adapters/outcome-index.js';
import { OutcomeStore } from './adapters/outcomes.js';
import { SessionStore } from './adapters/session-store.js';
import { ensureStreams } from './adapters/streams.js';
import { NatsTimers } from './adapters/timers.js';
import { UsageStore } from './adapters/usage-store.js';
import type { CoordinatorConfig } from './config.js';
import { ScheduleKeeper, type Plan } from './controllers/schedule-keeper.js';
import type { Controls } from './controls/controls.js';
import type { SessionBook } from './controls/session-book.js';
import type { Engine } from './engine/engine.js';
import type { Fold } from './engine/fold.js';
import type {
  LeaderPort,
  LedgerPort,
  OutcomePort,
  TimerPort,
  UsagePort,
  WorkerPort,
} from './engine/ports.js';
import type { Roster } from './gateway/roster.js';
import type { DeadLetterAccess } from './gateway/shard-access.js';

/** A look that was lost with a connection must not hold those who wait for it: it is made again, in ms. */
const LOOK_TIMEOUT_MS = 1_500;
/** Blobs are kept longer than what may name them by this, in ms. */
const BLOB_MARGIN_MS = 86_400_000;
/** Saved files that no record names are kept for so long: their record may be on its way, in ms. */
const SESSION_FILES_MARGIN_MS = 3 * 3_600_000;

export interface OpenShard {
  readonly ports: {
    readonly ledger: LedgerPort;
    readonly timers: TimerPort;
    readonly workers: WorkerPort;
    readonly outcomes: OutcomePort;
    readonly usage: UsagePort;
    readonly line: LeaderPort;
  };
  readonly remote: RemoteLeader;
  readonly blobs: BlobStore & BlobReader;
  readonly deadLetters: DeadLetterAccess;
  readonly controls: ControlStore;
  readonly sessions: SessionStore;
  /** Runs what a leader runs, until the returned function is called. */
  lead(engine: Engine, fold: Fold, plan: Plan): () => Promise<void>;
}

/** Makes the streams and opens everything on them. Throws on broken IO. */
export const openShard = async (options: {
  readonly connection: NatsConnection;
  readonly names: ShardNames;
  readonly config: Readonly<CoordinatorConfig>;
  readonly redis: Redis;
  readonly log: Logger;
  readonly controls: Controls;
  readonly book: SessionBook;
  readonly roster: Roster;
}): Promise<OpenShard> => {
  const { connection, names, config, redis, log, controls, book, roster } = options;
  const shard = config.shard as ShardId;
  const manager = await ensureStreams(connection, names, config);
  const looks = await jetstreamManager(connection, { timeout: LOOK_TIMEOUT_MS });
  const deadLetters = new DeadLetters(connection, manager, names);
  const workers = new NatsWorkers(connection, names, log);
  const blobs = natsBlobStore(connection, names.blobs, {
    maxBytes: config.blobsMaxBytes,
    replicas: config.replicas,
  });
  const files = natsBlobStore(connection, names.sessionFiles, {
    maxBytes: config.sessionFilesMaxBytes,
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
  const usage = await UsageStore.open(connection, names, config.replicas);
  const controlStore = await ControlStore.open({
    ...{ connection, manager: looks, names, settings: config, controls, log },
    clock: systemClock,
  });
  // Last: what fails above is opened again, and must not be heard twice.
  workers.hear((ready) => roster.hear(ready));
  roster.listening(true);
  return {
    ports: {
      ledger: new NatsLedger(connection, { manager, looks }, names),
      timers: new NatsTimers(connection, manager, names),
      workers,
      outcomes,
      usage,
      line: new NatsLeaderLine(connection, names, log),
    },
    controls: controlStore,
    sessions: await SessionStore.open({
      ...{ connection, manager: looks, names, files, settings: config, book, log },
      clock: systemClock,
    }),
    remote: new RemoteLeader(connection, names),
    blobs,
    deadLetters,
    lead: (engine, fold, plan) => {
      const stopListening = workers.listen(engine);
      const sweeper = new BlobSweeper({
        blobs,
        clock: systemClock,
        log,
        keepMs: config.outcomesMaxAgeMs + BLOB_MARGIN_MS,
        isNeeded: (sha256) => fold.state.needsBlob(sha256),
      });
      // Whoever saves files drops those before; this is for what a death in between has left.
      const filesSweeper = new BlobSweeper({
        ...{ blobs: files, clock: systemClock, log },
        keepMs: SESSION_FILES_MARGIN_MS,
        isNeeded: (sha256) => book.names(sha256),
      });
      const services = new ServiceGroup([indexer, sweeper, filesSweeper]);
      void services.start();
      const keeper = new ScheduleKeeper({
        ...{ controls, plan, log },
        runs: fold.runs,
        submit: (envelope) => engine.submit(envelope),
        cancel: (tenant, id) => engine.cancel(tenant, id),
        clock: systemClock,
      });
      return async () => {
        keeper.close();
        stopListening();
        await services.stop();
      };
    },
  };
};
