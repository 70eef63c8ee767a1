/** The coordinator as one service: admin listener, tenant API, shard. The API is up first and goes last. */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import {
  AdminServer,
  createLogger,
  newJobId,
  newRegistry,
  readToolDefinitions,
  Sealer,
  ServiceGroup,
  serviceOf,
  systemClock,
  type Environment,
  type Quit,
  type Service,
} from '@zerofleet/runtime';
import type { Decision } from '@zerofleet/model';
import { loadCoordinatorConfig, type CoordinatorConfig } from './config.js';
import type { Plan } from './controllers/schedule-keeper.js';
import { Controls } from './controls/controls.js';
import { SessionBook } from './controls/session-book.js';
import { Access } from './gateway/access.js';
import type { AdmissionOptions } from './gateway/admission.js';
import { Catalog } from './gateway/catalog.js';
import { ControlDesk } from './gateway/control-desk.js';
import { addControlRoutes } from './gateway/control-routes.js';
import { GatewayMetrics } from './gateway/gateway-metrics.js';
import { Roster } from './gateway/roster.js';
import { addRoutes } from './gateway/routes.js';
import { addFileRoutes } from './gateway/file-routes.js';
import { planRun } from './gateway/scheduled.js';
import { newApiServer } from './gateway/server.js';
import { addSessionRoutes } from './gateway/session-routes.js';
import { Shedding } from './gateway/shedding.js';
import { TenantDirectory } from './gateway/tenants.js';
import { Shard } from './shard.js';

const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;

/** The decision every job is stamped with while no flags are read. */
const baselineDecision = (config: CoordinatorConfig, version: string): Decision => ({
  release: version,
  adapter: 'native',
  mode: config.executionMode,
  revision: 0,
  reason: 'config',
});

/** Builds the coordinator from `env`. Throws ConfigError. */
export const buildCoordinator = (env: Environment, quit: Quit): Service => {
  const config = loadCoordinatorConfig(env);
  const version = packageVersion();
  const log = createLogger('coordinator', config.logLevel).child({ shard: config.shard });
  const catalog = new Catalog(readToolDefinitions(config.toolsDir, new Map([['tools', config.imageTools]])));
  const directory = TenantDirectory.fromFiles(config.tenantsFile, config.operatorsFile);
  const controls = new Controls((key, reason) => log.warn({ key, reason }, 'control_record_unreadable'));
  const admission: AdmissionOptions = {
    ...{ catalog, controls, newJobId },
    clock: systemClock,
    decision: baselineDecision(config, version),
    blobs: () => shard.blobs(),
  };
  const plan: Plan = (record, atMs) => planRun(admission, record, atMs);
  const roster = new Roster(systemClock, config.workerSilenceMs);
  const sessions = new SessionBook(config.sessionKeepMs);
  const shard = new Shard({ config, catalog, controls, sessions, plan, roster, version, log, quit });
  const registry = newRegistry();
  const metrics = new GatewayMetrics(registry, () => shard.gauges());
  const access = new Access(directory, controls, systemClock);
  const api = newApiServer(access, log);
  metrics.observe(api, registry);
  const shedding = new Shedding({ controls, clock: systemClock, line: shard.shedLine });
  addFileRoutes(api, { shard, access, clock: systemClock });
  addRoutes(api, { shard, metrics, access, shedding, admission, waitersMax: config.waitersMax });
  const desk = new ControlDesk({
    ...{ controls, directory },
    clock: systemClock,
    sealer: Sealer.fromFile(config.secretsKeyFile),
    writer: () => shard.writer(),
  });
  addControlRoutes(api, desk, { admission, roster, usageOf: (tenant) => shard.usage(tenant) });
  addSessionRoutes(api, {
    book: sessions,
    end: (tenant, session) => shard.endSession(tenant, session),
    clock: systemClock,
  });
  const admin = new AdminServer({
    host: config.adminHost,
    port: config.adminPort,
    registry,
    readiness: () => shard.readiness(),
  });
  return new ServiceGroup([
    admin,
    apiService(api, config, () => {
      log.info(
        { api: api.server.address(), admin: admin.port, mode: config.executionMode },
        'coordinator_listening',
      );
    }),
    shard,
  ]);
};

const apiService = (api: FastifyInstance, config: CoordinatorConfig, onListening: () => void): Service =>
  serviceOf(
    async () => {
      await api.listen({ host: config.apiHost, port: config.apiPort });
      onListening();
    },
    () => api.close(),
  );
