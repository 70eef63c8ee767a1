/** The engine broker as one service: admin listener, containers with their sweep, the unix socket. */
import { readFileSync } from 'node:fs';
import {
  AdminServer,
  ConfigError,
  createLogger,
  Gauge,
  newRegistry,
  pause,
  readSecret,
  ServiceGroup,
  serviceOf,
  systemClock,
  type Environment,
  type Service,
} from '@zerofleet/runtime';
import { Callers } from './callers.js';
import { loadBrokerConfig } from './config.js';
import { Containers } from './containers.js';
import { DockerEngine } from './docker-engine.js';
import { DockerImages } from './docker-images.js';
import { Images } from './images.js';
import { BrokerServer } from './server.js';

const SWEEP_EVERY_MS = 10_000;
/** Ending all containers at a stop may take so long; the runners end by themselves when their attach does. */
const CLOSE_WITHIN_MS = 8_000;

/** The seccomp profile, compact. A broker without it makes no container at all. Throws ConfigError. */
const readSeccomp = (path: string): string => {
  try {
    return JSON.stringify(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new ConfigError('ZF_SECCOMP_FILE is not a readable JSON file');
  }
};

const namesIn = (list: string): string[] =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** Builds the engine broker from `env`. Throws ConfigError. */
export const buildBroker = (env: Environment): Service => {
  const config = loadBrokerConfig(env);
  const log = createLogger('engine-broker', config.logLevel);
  const token = readSecret(config.tokenFile, 'ZF_BROKER_TOKEN_FILE');
  if (token === '') throw new ConfigError('ZF_BROKER_TOKEN_FILE is empty');
  const engine = new DockerEngine(config.dockerSocket);
  const containers = new Containers({
    engine,
    broker: config.node,
    seccomp: readSeccomp(config.seccompFile),
    startsMax: config.startsMax,
    containersMax: config.containersMax,
    log,
  });
  const images = new Images(new DockerImages(config.dockerSocket), namesIn(config.images));
  const { containersMax } = config;
  const callers = new Callers(namesIn(config.workers));
  const server = new BrokerServer({ token, images, callers, containers, containersMax, engine, log });
  const registry = newRegistry();
  new Gauge({
    name: 'zf_broker_containers',
    help: 'Tool containers of this broker',
    registers: [registry],
    collect() {
      this.set(containers.size);
    },
  });
  let listening = false;
  const admin = new AdminServer({
    host: config.adminHost,
    port: config.adminPort,
    registry,
    readiness: () => ({ ready: listening, details: { containers: containers.size } }),
  });
  const socket = serviceOf(
    async () => {
      // An engine that is away now is asked when a container is made.
      await images.load().catch((error: Error) => log.warn({ error: error.message }, 'images_not_resolved'));
      await server.listen(config.socket, config.socketGid);
      listening = true;
      const listed = images.listed();
      log.info({ socket: config.socket, images: listed, admin: admin.port }, 'broker_listening');
    },
    () => server.close(),
  );
  return new ServiceGroup([admin, sweeping(containers, log), socket]);
};

/** Sweeps at start, every 10 s, and last of all when the broker stops. */
const sweeping = (containers: Containers, log: ReturnType<typeof createLogger>): Service => {
  let timer: NodeJS.Timeout | undefined;
  const sweep = (): Promise<void> =>
    containers.sweep().catch((error: Error) => log.warn({ error: error.message }, 'sweep_failed'));
  return serviceOf(
    async () => {
      await sweep();
      timer = setInterval(() => void sweep(), SWEEP_EVERY_MS);
    },
    async () => {
      clearInterval(timer);
      await Promise.race([containers.close(), pause(systemClock, CLOSE_WITHIN_MS)]);
    },
  );
};
