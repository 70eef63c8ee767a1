/**
 * A shard on this replica: connections, one life after the other in it, and the read side, as one service.
 *
 * The gateway is up before it and after it: while anything here is missing it answers with a typed refusal. A life that is
 * over, because another replica was elected or the ledger went on without it, is followed by a new one in the same process.
 */
import { hostname } from 'node:os';
import type { JobEnvelope, JobId, ShardId, TenantId } from '@zerofleet/model';
import {
  LEADER_VERSION,
  shardNames,
  type FindReply,
  type LeaderStatus,
  type ShardNames,
  type StatusView,
  type SubmitReply,
  type UsageView,
} from '@zerofleet/protocol';
import {
  connectNats,
  connectRedis,
  newBootId,
  pause,
  systemClock,
  type BlobReader,
  type BlobStore,
  type Logger,
  type NatsLink,
  type Quit,
  type Readiness,
  type Redis,
  type Service,
} from '@zerofleet/runtime';
import { RedisShedLine } from './adapters/shed-line.js';
import { inspectLedgerServer, type LedgerServer } from './adapters/ledger-server.js';
import type { CoordinatorConfig } from './config.js';
import type { Plan } from './controllers/schedule-keeper.js';
import type { Controls } from './controls/controls.js';
import type { SessionBook } from './controls/session-book.js';
import type { ControlWriter } from './controls/writer.js';
import { JobFeed } from './engine/job-feed.js';
import type { JobSnapshot } from './engine/ports.js';
import { Replica } from './engine/replica.js';
import { UPKEEP_LIMITS } from './engine/upkeep.js';
import type { Catalog } from './gateway/catalog.js';
import type { EngineGauges } from './gateway/gateway-metrics.js';
import type { Tail } from './gateway/job-stream.js';
import { OutputFeeds } from './gateway/output-feeds.js';
import { OutputTail } from './gateway/output-tail.js';
import type { Roster } from './gateway/roster.js';
import type { CancelAnswer, DeadLetterAccess, ShardAccess, WhyAnswer } from './gateway/shard-access.js';
import { openShard, type OpenShard } from './open-shard.js';

const NOTHING_KNOWN: LedgerServer = {
  version: 'unknown',
  syncedAcceptance: false,
  detail: 'not connected yet',
};
/** Pause between two lives, in ms. */
const LIFE_PAUSE_MS = 500;
/** How often the ledger's server is asked again whether it syncs, in ms: it may have been replaced. */
const INSPECT_EVERY_MS = 60_000;

export interface ShardOptions {
  readonly config: Readonly<CoordinatorConfig>;
  readonly catalog: Catalog;
  readonly controls: Controls;
  /** Open sessions, as this replica hears of them. */
  readonly sessions: SessionBook;
  /** Makes the job of a schedule's run. */
  readonly plan: Plan;
  /** Hears the workers, whoever leads. */
  readonly roster: Roster;
  readonly version: string;
  readonly log: Logger;
  readonly quit: Quit;
}

export class Shard implements Service, ShardAccess {
  readonly feed = new JobFeed();
  readonly shedLine: RedisShedLine;
  private readonly options: ShardOptions;
  private readonly names: ShardNames;
  private readonly stopping = new AbortController();
  private link: NatsLink | undefined;
  private feeds: OutputFeeds | undefined;
  private redis: Redis | undefined;
  private open: OpenShard | undefined;
  private replica: Replica | undefined;
  private stopLeading: () => Promise<void> = () => Promise.resolve();
  private server = NOTHING_KNOWN;
  private inspection: NodeJS.Timeout | undefined;
  private trouble = 'starting';

  constructor(options: ShardOptions) {
    this.options = options;
    const shard = options.config.shard as ShardId;
    this.names = shardNames(shard);
    this.shedLine = new RedisShedLine(shard, newBootId());
  }

  /** Begins in the background: NATS may come later than we do. */
  start(): Promise<void> {
    const { config, log } = this.options;
    this.redis = connectRedis(config, log);
    this.shedLine.connect(this.redis);
    void this.begin();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.inspection);
    await this.replica?.stop(this.options.config.stopGraceMs);
    await this.stopLeading();
    await this.link?.connection.close().catch(() => undefined);
    this.shedLine.close();
    this.redis?.disconnect();
  }

  // What gateways ask

  submit(envelope: JobEnvelope): Promise<SubmitReply> {
    const engine = this.replica?.leading;
    if (engine !== undefined) return engine.submit(envelope);
    return this.open?.remote.submit(envelope) ?? Promise.resolve({ kind: 'refused', why: 'no_leader' });
  }

  async cancel(tenant: TenantId, id: JobId): Promise<CancelAnswer> {
    const engine = this.replica?.leading;
    if (engine !== undefined) {
      const reply = await engine.cancel(tenant, id);
      return reply.kind === 'unavailable' ? { kind: 'unavailable', why: 'ledger_unavailable' } : reply;
    }
    const reply = await this.open?.remote.call({ v: LEADER_VERSION, kind: 'cancel', tenant, id });
    if (reply?.kind === 'not_now') return { kind: 'unavailable', why: reply.why };
    if (reply?.kind !== 'job') return { kind: 'unavailable', why: 'no_leader' };
    const answer = reply.reply;
    if (answer.kind === 'accepted') return { kind: 'cancelled', job: answer.job };
    return answer.kind === 'refused' && answer.why === 'not_found'
      ? { kind: 'unknown' }
      : { kind: 'unavailable', why: answer.kind === 'refused' ? answer.why : 'no_leader' };
  }

  async find(tenant: TenantId, id: JobId): Promise<FindReply> {
    const known = this.known(tenant, id);
    if (known !== undefined) return { kind: 'found', job: known };
    const engine = this.replica?.leading;
    if (engine !== undefined) return engine.find(tenant, id);
    const reply = await this.open?.remote.call({ v: LEADER_VERSION, kind: 'find', tenant, id });
    if (reply?.kind === 'job' && reply.reply.kind !== 'accepted') return reply.reply as FindReply;
    return { kind: 'unavailable', why: 'no_leader' };
  }

  async why(tenant: TenantId, id: JobId): Promise<WhyAnswer> {
    const engine = this.replica?.leading;
    if (engine !== undefined) {
      const wait = engine.why(tenant, id);
      return wait === 'unknown' ? engine.find(tenant, id) : { kind: 'waits', wait };
    }
    const reply = await this.open?.remote.call({ v: LEADER_VERSION, kind: 'why', tenant, id });
    if (reply?.kind === 'why') return { kind: 'waits', wait: reply.wait };
    if (reply?.kind === 'job' && reply.reply.kind !== 'accepted') return reply.reply as FindReply;
    return { kind: 'unavailable', why: 'no_leader' };
  }

  async usage(tenant: TenantId): Promise<UsageView | undefined> {
    const engine = this.replica?.leading;
    if (engine !== undefined) return engine.usage(tenant);
    const reply = await this.open?.remote.call({ v: LEADER_VERSION, kind: 'usage', tenant });
    return reply?.kind === 'usage' ? reply.usage : undefined;
  }

  /** Ends a session, its files and its container. */
  async endSession(tenant: TenantId, session: string): Promise<'ended' | 'unknown' | 'unavailable'> {
    if (!this.isConnected() || this.open === undefined) return 'unavailable';
    try {
      return await this.open.sessions.end(tenant, session);
    } catch (error) {
      this.options.log.warn({ error: String(error) }, 'session_not_ended');
      return 'unavailable';
    }
  }

  writer(): ControlWriter | undefined {
    return this.isConnected() ? this.open?.controls : undefined;
  }

  known(tenant: TenantId, id: JobId): JobSnapshot | undefined {
    return this.replica?.known(tenant, id);
  }

  blobs(): (BlobStore & BlobReader) | undefined {
    return this.open?.blobs;
  }

  deadLetters(): DeadLetterAccess | undefined {
    return this.open?.deadLetters;
  }

  isConnected(): boolean {
    return this.link?.isConnected() ?? false;
  }

  openTail(job: JobSnapshot, from: number, wake: () => void): Tail | undefined {
    if (job.state.kind !== 'running' || this.link === undefined || this.feeds === undefined) return undefined;
    const { attempt, worker } = job.state.assignment;
    const { connection } = this.link;
    const { feeds, names } = this;
    return new OutputTail({ connection, names, feeds, job: job.envelope.id, attempt, worker, from, wake });
  }

  async status(tenant: TenantId): Promise<StatusView | undefined> {
    const { config, version } = this.options;
    const leader = await this.leaderStatus(tenant);
    if (leader === undefined) return undefined;
    return {
      version,
      shard: config.shard,
      ledger: {
        connected: this.isConnected(),
        syncedAcceptance: this.server.syncedAcceptance,
        server: `nats-server ${this.server.version}`,
        detail: this.server.detail,
      },
      executionMode: config.executionMode,
      ...leader,
    };
  }

  private async leaderStatus(tenant: TenantId): Promise<LeaderStatus | undefined> {
    const engine = this.replica?.leading;
    if (engine !== undefined) return engine.status(tenant);
    const reply = await this.open?.remote.call({ v: LEADER_VERSION, kind: 'status', tenant });
    return reply?.kind === 'status' ? reply.status : undefined;
  }

  // What ops see

  readiness(): Readiness {
    const standing = this.replica?.standing ?? 'over';
    const engine = this.replica?.leading;
    const serving = standing === 'following' || engine?.healthy === true;
    return {
      ready: this.isConnected() && serving,
      details: {
        nats: this.isConnected(),
        leading: engine !== undefined,
        standing,
        ledger: serving ? 'ok' : engine === undefined ? this.trouble : 'recovering',
        syncedAcceptance: this.server.syncedAcceptance,
        syncDetail: this.server.detail,
        redis: this.redis?.status === 'ready',
        workers: engine?.fleetView().workers.length ?? 0,
      },
    };
  }

  gauges(): EngineGauges {
    const engine = this.replica?.leading;
    const counts = engine?.counts ?? { queued: 0, running: 0, unprojected: 0 };
    return { leading: engine !== undefined, workers: engine?.fleetView().workers.length ?? 0, ...counts };
  }

  // Lives

  /** Connects, and lives until the service stops. */
  private async begin(): Promise<void> {
    const { config, log, quit } = this.options;
    const { signal } = this.stopping;
    try {
      this.link = await connectNats(config, `coordinator ${hostname()}`, log, (up) => this.linkChanged(up));
      this.feeds = new OutputFeeds(this.link.connection, this.names);
    } catch (error) {
      quit(`NATS: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    while (!signal.aborted) {
      const reason = await this.live(this.link).catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      this.replica = undefined;
      await this.stopLeading();
      if (signal.aborted) return;
      if (reason !== this.trouble) log.warn({ reason }, 'life_over');
      this.trouble = reason;
      await pause(systemClock, LIFE_PAUSE_MS, signal);
    }
  }

  /** One life; resolves to why it is over. Throws when it cannot begin. */
  private async live(link: NatsLink): Promise<string> {
    const { config, catalog, log, controls, sessions, plan, roster } = this.options;
    const { redis } = this;
    const { connection } = link;
    if (redis === undefined) throw new Error('not started');
    await this.inspect();
    const shard = (this.open ??= await openShard({
      connection,
      names: this.names,
      config,
      redis,
      log,
      controls,
      book: sessions,
      roster,
    }));
    return new Promise((resolve) => {
      const replica = new Replica({
        ...shard.ports,
        clock: systemClock,
        log,
        tools: catalog.definitions,
        random: Math.random,
        name: `${hostname().replace(/[^A-Za-z0-9-]/g, '-')}-${newBootId()}`,
        queuedMax: config.queuedMax,
        payloadBytesMax: config.payloadBytesMax,
        keptMs: config.outcomesMaxAgeMs,
        controls,
        sessions,
        commitWindow: config.commitWindow,
        workerSilenceMs: config.workerSilenceMs,
        upkeep: UPKEEP_LIMITS,
        formatHold: config.ledgerFormat,
        isConnected: () => link.isConnected(),
        feed: this.feed,
        onElected: () => shard.remote.leaderChanged((tenant, id) => replica.known(tenant, id)),
        onLeading: (engine) => {
          this.stopLeading = shard.lead(engine, replica.fold, plan);
          shard.remote.leaderChanged((tenant, id) => replica.known(tenant, id));
        },
        onOver: resolve,
      });
      this.replica = replica;
      void replica.live();
    });
  }

  private linkChanged(connected: boolean): void {
    this.replica?.linkChanged(connected);
    if (this.open !== undefined) this.options.roster.listening(connected);
    if (!connected) return;
    this.open?.remote.linkRestored();
    void this.inspect();
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
