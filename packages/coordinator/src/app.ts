/** The coordinator as one service: admin listener, tenant API, shard. The API is up first and goes last. */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import {
  AdminServer,
  createLogger,
  newJobId,
  newRegistry,
  readToolDefinitions,
  ServiceGroup,
  serviceOf,
  systemClock,
  type Environment,
  type Quit,
  type Service,
} from '@zerofleet/runtime';
import type { Decision } from '@zerofleet/model';
import { loadCoordinatorConfig, type CoordinatorConfig } from './config.js';
import { Catalog } from './gateway/catalog.js';
import { GatewayMetrics } from './gateway/gateway-metrics.js';
import { addRoutes } from './gateway/routes.js';
import { newApiServer } from './gateway/server.js';
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
  const directory = TenantDirectory.fromFile(config.tenantsFile);
  const shard = new Shard({ config, catalog, version, log, quit });
  const registry = newRegistry();
  const metrics = new GatewayMetrics(registry, () => shard.gauges());
  const api = newApiServer(directory, log);
  metrics.observe(api, registry);
  addRoutes(api, {
    shard,
    metrics,
    waitersMax: config.waitersMax,
    admission: {
      catalog,
      clock: systemClock,
      newJobId,
      decision: baselineDecision(config, version),
      blobs: () => shard.blobs(),
    },
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
