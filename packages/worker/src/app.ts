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
import { BrokerEngine } from './engine/broker-engine.js';
import { ProcessEngine } from './engine/process-engine.js';
import type { ToolEngine } from './engine/tool-engine.js';
import { PoolDriver } from './pool/pool-driver.js';
import { PoolMetrics } from './pool/pool-metrics.js';
import { DoneLine } from './done-line.js';
import { SessionDesk } from './session/session-desk.js';
import { NatsSessionStore } from './session/session-store.js';
import { Worker } from './worker.js';

const MIB = 1024 ** 2;

/** A pool a key, with its tools and the configured stock; a fresh container a job needs none. */
const stocksOf = (tools: readonly ToolDefinition[], config: WorkerConfig): PoolWant[] => {
  const stock = config.executionMode === 'oneshot' ? 0 : config.warmPerPool;
  const wants = new Map<string, { spec: PoolSpec; stock: number; tools: ToolName[] }>();
  for (const { name, pool: spec } of tools) {
    const key = poolKeyOf(spec);
    const want = wants.get(key);
    if (want === undefined) wants.set(key, { spec, stock, tools: [name] });
    else want.tools.push(name);
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

const engineOf = (config: WorkerConfig, boot: ReturnType<typeof newBootId>, log: Logger): ToolEngine => {
  if (config.executionMode !== 'process')
    return new BrokerEngine({
      socketPath: config.brokerSocket,
      token: readSecret(config.brokerTokenFile, 'ZF_BROKER_TOKEN_FILE'),
      worker: config.workerId as WorkerId,
      boot,
    });
  const isRoot = process.getuid?.() === 0;
  log.warn({ ownUser: isRoot }, 'process_mode_isolates_little');
  const { runnerDir, python, scratchDir, uidBase } = config;
  return new ProcessEngine({ runnerDir, python, scratchDir, uidBase: isRoot ? uidBase : undefined });
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
  const engine = engineOf(config, boot, log);
  const sealer = Sealer.fromFile(config.secretsKeyFile);
  const settings = egressSettingsOf(config);
  const egress = new Egress({ settings, tools, clock: systemClock, log, registry });
  const body = serviceOf(
    async () => {
      const link = await connectNats(config, `worker ${config.workerId}`, log);
      const stocks = stocksOf(tools, config);
      const parts = { engine, metrics, attemptMetrics, link, sealer, egress };
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
  private readonly link: NatsLink;
  private readonly drainMs: number;

  constructor(options: {
    readonly config: Readonly<WorkerConfig>;
    readonly boot: ReturnType<typeof newBootId>;
    readonly log: Logger;
    readonly stocks: readonly PoolWant[];
    readonly engine: ToolEngine;
    readonly metrics: PoolMetrics;
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
    this.link = link;
    this.drainMs = config.drainMs;
    this.pool = new PoolDriver({
      engine: options.engine,
      clock: systemClock,
      log,
      policy: policyFor(config),
      stocks: options.stocks,
      metrics: options.metrics,
      onChange,
      park: (slot) => slot.link.keep(),
      onEvict: (slot, session, tenant) => sessions.save({ tenant, session }, slot),
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
    this.pool.start();
    await this.worker.start();
  }

  /** Drains: takes no more, hands back what has not run, lets the rest end within the grace. */
  async stop(): Promise<void> {
    this.pool.drain();
    const drained = this.attempts.drain(this.drainMs);
    this.worker.say();
    await drained;
    await this.worker.stop();
    await this.pool.close();
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
