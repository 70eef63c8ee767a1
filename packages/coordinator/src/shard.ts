/**
 * A shard on this replica: connections, the engine's reign, and the read side, as one service.
 *
 * The gateway is up before it and after it: while anything here is missing it answers with a typed refusal.
 */
import { hostname } from 'node:os';
import type { ShardId, TenantId } from '@zerofleet/model';
import { shardNames, type ShardNames, type StatusView } from '@zerofleet/protocol';
import {
  connectNats,
  connectRedis,
  natsBlobStore,
  newBootId,
  systemClock,
  type BlobStore,
  type Logger,
  type NatsLink,
  type Quit,
  type Readiness,
  type Redis,
  type Service,
} from '@zerofleet/runtime';
import { inspectLedgerServer, type LedgerServer } from './adapters/ledger-server.js';
import { NatsLedger } from './adapters/nats-ledger.js';
import { NatsWorkers } from './adapters/nats-workers.js';
import { OutcomeStore } from './adapters/outcomes.js';
import { ensureStreams } from './adapters/streams.js';
import type { CoordinatorConfig } from './config.js';
import { Engine } from './engine/engine.js';
import type { JobSnapshot } from './engine/ports.js';
import type { Catalog } from './gateway/catalog.js';
import type { EngineGauges } from './gateway/gateway-metrics.js';
import type { Tail } from './gateway/job-stream.js';
import { OutputTail } from './gateway/output-tail.js';
import type { ShardAccess } from './gateway/shard-access.js';

const NOTHING_KNOWN: LedgerServer = {
  version: 'unknown',
  syncedAcceptance: false,
  detail: 'not connected yet',
};
/** Pause between two tries to begin, while NATS or its streams are not there, in ms. */
const BEGIN_RETRY_MS = 500;
/** How often the ledger's server is asked again whether it syncs, in ms: it may have been replaced. */
const INSPECT_EVERY_MS = 60_000;

export interface ShardOptions {
  readonly config: Readonly<CoordinatorConfig>;
  readonly catalog: Catalog;
  readonly version: string;
  readonly log: Logger;
  readonly quit: Quit;
}

export class Shard implements Service, ShardAccess {
  private readonly options: ShardOptions;
  private readonly names: ShardNames;
  private link: NatsLink | undefined;
  private redis: Redis | undefined;
  private store: OutcomeStore | undefined;
  private blobStore: BlobStore | undefined;
  private reigning: Engine | undefined;
  private server = NOTHING_KNOWN;
  private stopListening: () => void = () => undefined;
  private inspection: NodeJS.Timeout | undefined;
  private stopped = false;
  private trouble = 'starting';

  constructor(options: ShardOptions) {
    this.options = options;
    this.names = shardNames(options.config.shard as ShardId);
  }

  /** Begins in the background: NATS may come later than we do. */
  start(): Promise<void> {
    this.redis = connectRedis(this.options.config, this.options.log);
    void this.begin();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.inspection);
    const engine = this.reigning;
    await engine?.stop(this.options.config.stopGraceMs);
    this.reigning = undefined;
    this.stopListening();
    await this.link?.connection.close().catch(() => undefined);
    this.redis?.disconnect();
  }

  engine(): Engine | undefined {
    return this.reigning;
  }

  outcomes(): OutcomeStore | undefined {
    return this.store;
  }

  blobs(): BlobStore | undefined {
    return this.blobStore;
  }

  isConnected(): boolean {
    return this.link?.isConnected() ?? false;
  }

  openTail(job: JobSnapshot, from: number, wake: () => void): Tail | undefined {
    if (job.state.kind !== 'running' || this.link === undefined) return undefined;
    const { attempt, worker } = job.state.assignment;
    const { connection } = this.link;
    return new OutputTail({
      connection,
      names: this.names,
      job: job.envelope.id,
      attempt,
      worker,
      from,
      wake,
    });
  }

  status(tenant: TenantId): StatusView {
    const { config, version } = this.options;
    const workers = this.reigning?.fleetView().workers ?? [];
    const { queued, running } = this.reigning?.countsOf(tenant) ?? { queued: 0, running: 0 };
    return {
      version,
      shard: config.shard,
      epoch: this.reigning?.epoch ?? 0,
      ledger: {
        connected: this.isConnected(),
        syncedAcceptance: this.server.syncedAcceptance,
        server: `nats-server ${this.server.version}`,
        detail: this.server.detail,
      },
      executionMode: config.executionMode,
      workers: {
        ready: workers.filter((worker) => !worker.draining).length,
        draining: workers.filter((worker) => worker.draining).length,
        freeCpuMilli: workers.reduce((sum, worker) => sum + worker.freeCpuMilli, 0),
        freeMemoryMiB: workers.reduce((sum, worker) => sum + worker.freeMemoryMiB, 0),
      },
      jobs: { queued, running },
    };
  }

  readiness(): Readiness {
    const engine = this.reigning;
    const ready = this.isConnected() && engine !== undefined && engine.healthy;
    return {
      ready,
      details: {
        nats: this.isConnected(),
        leading: engine !== undefined,
        ledger: engine?.healthy === true ? 'ok' : engine === undefined ? this.trouble : 'recovering',
        syncedAcceptance: this.server.syncedAcceptance,
        syncDetail: this.server.detail,
        redis: this.redis?.status === 'ready',
        workers: engine?.fleetView().workers.length ?? 0,
      },
    };
  }

  gauges(): EngineGauges {
    const engine = this.reigning;
    const counts = engine?.counts ?? { queued: 0, running: 0, unprojected: 0 };
    return { leading: engine !== undefined, workers: engine?.fleetView().workers.length ?? 0, ...counts };
  }

  /** Connects, makes the streams, begins the reign; tries again until it works or the service stops. */
  private async begin(): Promise<void> {
    const { config, log, quit } = this.options;
    try {
      this.link = await connectNats(config, `coordinator ${hostname()}`, log, (up) => this.linkChanged(up));
    } catch (error) {
      quit(`NATS: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    while (!this.stopped) {
      try {
        await this.reign(this.link);
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== this.trouble) log.warn({ reason }, 'begin_failed');
        this.trouble = reason;
        await new Promise<void>((resolve) => systemClock.after(BEGIN_RETRY_MS, resolve));
      }
    }
  }

  private async reign({ connection }: NatsLink): Promise<void> {
    const { config, catalog, log, quit } = this.options;
    const { names } = this;
    await this.inspect();
    const manager = await ensureStreams(connection, names, config);
    const redis = this.redis;
    if (redis === undefined) throw new Error('not started');
    const store = new OutcomeStore({ connection, manager, names, redis, log });
    const workers = new NatsWorkers(connection, names, log);
    const engine = new Engine({
      ledger: new NatsLedger(connection, manager, names),
      workers,
      outcomes: store,
      clock: systemClock,
      log,
      tools: catalog.definitions,
      leader: `${hostname().replace(/[^A-Za-z0-9-]/g, '-')}-${newBootId()}`,
      queuedMax: config.queuedMax,
      payloadBytesMax: config.payloadBytesMax,
      commitWindow: config.commitWindow,
      workerSilenceMs: config.workerSilenceMs,
      onLost: (reason) => {
        this.reigning = undefined;
        quit(`leadership lost: ${reason}`);
      },
    });
    this.stopListening = workers.listen(engine);
    try {
      await engine.start();
    } catch (error) {
      this.stopListening();
      throw error;
    }
    this.store = store;
    this.blobStore = natsBlobStore(connection, names.blobs);
    this.reigning = engine;
  }

  private linkChanged(connected: boolean): void {
    this.reigning?.linkChanged(connected);
    if (connected) void this.inspect();
  }

  private async inspect(): Promise<void> {
    const { config, log } = this.options;
    if (this.link === undefined) return;
    const found = await inspectLedgerServer(this.link.connection, config.natsMonitorUrl);
    if (found.detail !== this.server.detail)
      log[found.syncedAcceptance ? 'info' : 'warn'](
        { server: found.version, detail: found.detail },
        'ledger_sync',
      );
    this.server = found;
    this.inspection ??= setInterval(() => void this.inspect(), INSPECT_EVERY_MS);
  }
}
