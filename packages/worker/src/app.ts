/** The worker as one service: admin listener, NATS, pool, attempts. */
import {
  poolKeyOf,
  type PoolSpec,
  type ShardId,
  type ToolDefinition,
  type ToolName,
  type WorkerId,
} from '@zerofleet/model';
import type { PoolSettings, PoolWant } from '@zerofleet/pool';
import { encodeJson, MESSAGES_VERSION, shardNames, type Output } from '@zerofleet/protocol';
import {
  AdminServer,
  connectNats,
  createLogger,
  natsBlobStore,
  newBootId,
  newRegistry,
  readSecret,
  readToolDefinitions,
  Sealer,
  ServiceGroup,
  serviceOf,
  systemClock,
  type Environment,
  type Logger,
  type NatsLink,
  type Readiness,
  type Service,
} from '@zerofleet/runtime';
import { AttemptMetrics } from './attempt/attempt-metrics.js';
import { Attempts } from './attempt/attempts.js';
import { loadWorkerConfig, type WorkerConfig } from './config.js';
import { Egress } from './egress/egress.js';
import { egressSettingsOf } from './egress/egress-config.js';
import { BrokerClient } from './engine/broker-client.js';
import { BrokerEngine } from './engine/broker-engine.js';
import { EngineFacts } from './engine/engine-facts.js';
import { BrokerImages, type NodeImages } from './engine/broker-images.js';
import { ProcessEngine } from './engine/process-engine.js';
import type { ToolEngine } from './engine/tool-engine.js';
import { imagePolicyOf } from './pool/image-config.js';
import { ImageKeeper } from './pool/image-keeper.js';
import { ImageMetrics } from './pool/image-metrics.js';
import { PoolDriver } from './pool/pool-driver.js';
import { PoolMetrics } from './pool/pool-metrics.js';
import { DoneLine } from './done-line.js';
import { SessionDesk } from './session/session-desk.js';
import { NatsSessionStore } from './session/session-store.js';
import { Worker } from './worker.js';

const MIB = 1024 ** 2;
/** What of the blob store may be full when a job's file is put there: payloads and outcomes need the rest. */
const FILES_SHARE = 0.6;

const namesIn = (list: string): string[] =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/**
 * A pool a key, with its tools and the configured stock; a fresh container a job needs none. The same of each further tools
 * image: jobs may ask for either while a release is rolled out.
 */
const stocksOf = (tools: readonly ToolDefinition[], config: WorkerConfig): PoolWant[] => {
  const stock = config.executionMode === 'oneshot' ? 0 : config.warmPerPool;
  const wants = new Map<string, { spec: PoolSpec; stock: number; tools: ToolName[] }>();
  const also = namesIn(config.imageToolsAlso);
  for (const { name, pool } of tools) {
    const others = pool.image === config.imageTools ? also.map((image) => ({ ...pool, image })) : [];
    for (const spec of [pool, ...others]) {
      const key = poolKeyOf(spec);
      const want = wants.get(key);
      if (want === undefined) wants.set(key, { spec, stock, tools: [name] });
      else want.tools.push(name);
    }
  }
  return [...wants.values()];
};

const policyFor = (config: WorkerConfig): PoolSettings => ({
  budgetMiB: config.memoryMiB,
  startsMax: config.startsMax,
  refillPerS: config.refillPerS,
  stockMax: config.executionMode === 'oneshot' ? 0 : Math.max(config.warmMax, config.warmPerPool),
  keepMs: config.warmKeepMs,
  worthMs: config.warmWorthMs,
  idleMaxMs: config.reuseIdleMs,
  ageMaxMs: config.reuseAgeMs,
  usesMax: config.reuseUses,
  sessionIdleMaxMs: config.sessionIdleMs,
  sessionAgeMaxMs: config.sessionAgeMs,
});

/** Where containers come from, and the node's images where there are any. */
interface Engine {
  readonly engine: ToolEngine;
  readonly images: NodeImages | undefined;
  readonly facts: EngineFacts | undefined;
}

const engineOf = (config: WorkerConfig, boot: ReturnType<typeof newBootId>, log: Logger): Engine => {
  if (config.executionMode !== 'process') {
    const socketPath = config.brokerSocket;
    const token = readSecret(config.brokerTokenFile, 'ZF_BROKER_TOKEN_FILE');
    const broker = new BrokerClient({ socketPath, token, worker: config.workerId as WorkerId, boot });
    const images = new BrokerImages(broker);
    const facts = new EngineFacts({ broker, clock: systemClock, log });
    return { engine: new BrokerEngine(broker, images), images, facts };
  }
  const isRoot = process.getuid?.() === 0;
  log.warn({ ownUser: isRoot }, 'process_mode_isolates_little');
  const { runnerDir, python, scratchDir, uidBase } = config;
  const engine = new ProcessEngine({ runnerDir, python, scratchDir, uidBase: isRoot ? uidBase : undefined });
  return { engine, images: undefined, facts: undefined };
};

/** Builds the worker from `env`. Throws ConfigError. */
export const buildWorker = (env: Environment): Service => {
  const config = loadWorkerConfig(env);
  const boot = newBootId();
  const log = createLogger('worker', config.logLevel).child({
    shard: config.shard,
    worker: config.workerId,
    boot,
  });
  const tools = readToolDefinitions(config.toolsDir, new Map([['tools', config.imageTools]]));
  const registry = newRegistry();
  let running: Running | undefined;
  const admin = new AdminServer({
    host: config.adminHost,
    port: config.adminPort,
    registry,
    readiness: () => running?.readiness() ?? { ready: false, details: { nats: false } },
  });
  const metrics = new PoolMetrics(
    registry,
    () => running?.pool.counts() ?? [],
    () => running?.pool.usedMiB ?? 0,
  );
  const attemptMetrics = new AttemptMetrics(registry);
  const { engine, images, facts } = engineOf(config, boot, log);
  const imageMetrics = new ImageMetrics(registry);
  const sealer = Sealer.fromFile(config.secretsKeyFile);
  const settings = egressSettingsOf(config);
  const egress = new Egress({ settings, tools, clock: systemClock, log, registry });
  const body = serviceOf(
    async () => {
      const link = await connectNats(config, `worker ${config.workerId}`, log);
      const stocks = stocksOf(tools, config);
      const parts = { engine, images, facts, metrics, imageMetrics, attemptMetrics, link, sealer, egress };
      running = new Running({ config, boot, log, stocks, ...parts });
      await running.start();
      log.info({ mode: config.executionMode, admin: admin.port }, 'worker_running');
    },
    async () => running?.stop(),
  );
  return new ServiceGroup([admin, body]);
};

/** What runs once NATS is there. */
class Running implements Service {
  readonly pool: PoolDriver;
  private readonly attempts: Attempts;
  private readonly worker: Worker;
  private readonly keeper: ImageKeeper | undefined;
  private readonly facts: EngineFacts | undefined;
  private readonly log: Logger;
  private readonly link: NatsLink;
  private readonly drainMs: number;

  constructor(options: {
    readonly config: Readonly<WorkerConfig>;
    readonly boot: ReturnType<typeof newBootId>;
    readonly log: Logger;
    readonly stocks: readonly PoolWant[];
    readonly engine: ToolEngine;
    readonly images: NodeImages | undefined;
    readonly facts: EngineFacts | undefined;
    readonly metrics: PoolMetrics;
    readonly imageMetrics: ImageMetrics;
    readonly attemptMetrics: AttemptMetrics;
    readonly link: NatsLink;
    readonly sealer: Sealer | undefined;
    readonly egress: Egress;
  }) {
    const { config, boot, log, link, sealer, egress } = options;
    const { connection } = link;
    const names = shardNames(config.shard as ShardId);
    const room = { cpuMilli: config.cpuMilli, memoryMiB: config.memoryMiB };
    const worker = config.workerId as WorkerId;
    const onChange = (): void => this.worker.changed();
    const dones = new DoneLine({ connection, names, worker, boot });
    this.log = log;
    this.link = link;
    this.drainMs = config.drainMs;
    this.facts = options.facts;
    this.facts?.watch(() => this.stockWhatStarts(options.stocks));
    this.pool = new PoolDriver({
      engine: options.engine,
      ...(this.facts === undefined ? {} : { unable: this.facts.unable }),
      clock: systemClock,
      log,
      policy: policyFor(config),
      stocks: options.stocks,
      metrics: options.metrics,
      onChange,
      park: (slot) => slot.link.keep(),
      onEvict: (slot, session, tenant) => sessions.save({ tenant, session }, slot),
    });
    const { images, imageMetrics } = options;
    if (images !== undefined && config.imageKeeping === 'on')
      this.keeper = new ImageKeeper({
        ...{ images, log, clock: systemClock, metrics: imageMetrics },
        uses: () => this.pool.images(),
        policy: imagePolicyOf(config),
      });
    const sessions = new SessionDesk({
      ...{ worker, boot, log, pool: this.pool, clock: systemClock },
      store: new NatsSessionStore(connection, names),
      files: natsBlobStore(connection, names.sessionFiles),
      bytesMax: config.sessionMiB * MIB,
      newIncarnation: newBootId,
    });
    this.attempts = new Attempts({
      pool: this.pool,
      blobs: natsBlobStore(connection, names.blobs),
      files: natsBlobStore(connection, names.blobs, { share: FILES_SHARE }),
      metrics: options.attemptMetrics,
      clock: systemClock,
      sealer,
      sessions,
      egress,
      log,
      worker,
      boot,
      room,
      mode: config.executionMode,
      publish: (id, attempt, chunks) => {
        const output: Output = { v: MESSAGES_VERSION, id, attempt, chunks: [...chunks] };
        // While NATS is away the client would keep it all in memory; readers get it from the spool.
        if (link.isConnected() && !connection.isClosed())
          connection.publish(names.output(id), encodeJson(output));
      },
      tellEnd: (epoch, ended) => dones.tell(epoch, ended),
      onChange,
    });
    this.worker = new Worker({
      connection,
      names,
      worker,
      boot,
      mode: config.executionMode,
      room,
      clock: systemClock,
      log,
      attempts: this.attempts,
      dones,
      sessions,
      pool: this.pool,
    });
  }

  async start(): Promise<void> {
    // Before the pool: what it lacks is on its way then.
    await this.facts?.start();
    await this.keeper?.start();
    this.pool.start();
    await this.worker.start();
  }

  /** Stock is kept of what can start here: of a pool whose runtime the engine does not have there is none to be had. */
  private stockWhatStarts(stocks: readonly PoolWant[]): void {
    const unable = stocks.filter(({ spec }) => this.facts?.unable(spec) !== undefined);
    for (const { spec, tools } of unable)
      this.log.warn({ runtime: spec.runtime, tools }, 'tools_cannot_run_here');
    this.pool.configure(stocks.filter((want) => !unable.includes(want)));
  }

  /** Drains: takes no more, hands back what has not run, lets the rest end within the grace. */
  async stop(): Promise<void> {
    await this.keeper?.stop();
    await this.facts?.stop();
    this.pool.drain();
    const drained = this.attempts.drain(this.drainMs);
    this.worker.say();
    await drained;
    await Promise.all([this.worker.stop(), this.pool.close()]);
    await this.link.connection.close().catch(() => undefined);
  }

  readiness(): Readiness {
    const { trouble } = this.pool;
    const ready = this.link.isConnected() && trouble === undefined && !this.attempts.isDraining;
    return {
      ready,
      details: { nats: this.link.isConnected(), containers: trouble ?? 'ok', pools: this.pool.counts() },
    };
  }
}
