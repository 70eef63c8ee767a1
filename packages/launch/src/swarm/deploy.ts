/** A whole fleet on this node's Swarm, and what a test or the launcher may do with it. */
import { LaunchError } from '../errors.js';
import type { Fleet } from '../fleet/fleet.js';
import { statusOf } from '../fleet/status.js';
import { docker, dockerLines } from '../host/docker.js';
import { ensureEngine } from '../host/engine.js';
import { ensureImages, imagesEnv, referenceOf, type Images } from '../images/build.js';
import {
  newApiKey,
  newPassword,
  newSealingKey,
  operatorsFile,
  tenantsFile,
  type TenantKey,
} from '../keys.js';
import { step } from '../output.js';
import { STACK_FILE } from '../paths.js';
import { portFrom } from '../ports.js';
import type { Session } from '../session.js';
import { claimStack } from './claim.js';
import { createSecret, ensureLabels, ensureSwarm, nodeId } from './cluster.js';
import { removeStack } from './remove.js';
import { containerOf, hostAddressOf, killService, probe, waitForStack } from './stack.js';

const READY_MS = 180_000;
const API_PORT = 8080;
const ADMIN_PORT = 9100;
/** Volumes that stack.yml declares. */
const VOLUMES = ['nats-data', 'broker-run'];

export interface SwarmOptions {
  /** The stack's name; default `zerofleet`. */
  readonly stack?: string;
  /** Tenants to make a key for; default `demo`. */
  readonly tenants?: readonly string[];
  /** The API's port; default the first free one from 8080. */
  readonly port?: number;
  readonly mode?: 'warm' | 'oneshot';
  readonly workerCpuMilli?: number;
  readonly workerMemoryMib?: number;
}

export type SwarmService = 'nats' | 'redis' | 'coordinator' | 'worker' | 'broker';

/** A fleet on the Swarm. */
export interface SwarmFleet extends Fleet {
  readonly stack: string;
  readonly images: Images;
  /** The tool image's reference. */
  readonly toolImage: string;
  /** The running container of a service, or undefined. */
  containerOf(service: SwarmService): Promise<string | undefined>;
  /** Sends a signal to a service's container; Swarm starts a new one when it ends. */
  kill(service: SwarmService, signal?: NodeJS.Signals): Promise<void>;
  /** Base URL of a service's admin listener, from this host. */
  adminUrlOf(service: 'coordinator' | 'worker' | 'broker'): Promise<string | undefined>;
}

/**
 * Deploys stack.yml: engine, Swarm, images, labels, secrets, services, until everything is ready. What it makes goes
 * when `session` ends. Throws LaunchError.
 */
export const deploySwarm = async (session: Session, options: SwarmOptions = {}): Promise<SwarmFleet> => {
  const stack = options.stack ?? 'zerofleet';
  await step('Docker engine', () => ensureEngine(session));
  await step('Swarm', () => ensureSwarm(session));
  await claimStack(session, stack);
  if ((await dockerLines(['stack', 'ls', '--format', '{{.Name}}'])).includes(stack))
    throw new LaunchError(
      `a stack ${stack} runs here already; it is left alone: docker stack rm ${stack} takes it away`,
    );
  const images = await ensureImages(session);
  await ensureLabels(session);
  const broker = await nodeId();
  const tenants = (options.tenants ?? ['demo']).map((tenant): TenantKey => ({ tenant, apiKey: newApiKey() }));
  const version = session.launchId;
  for (const name of ['nats_password', 'redis_password', 'broker_token'])
    await createSecret(session, `zerofleet_${name}_${version}`, newPassword());
  const operatorKey = newApiKey();
  await createSecret(session, `zerofleet_tenants_${version}`, tenantsFile(tenants));
  await createSecret(session, `zerofleet_operators_${version}`, operatorsFile(operatorKey));
  await createSecret(session, `zerofleet_secrets_key_${version}`, newSealingKey());
  const port = options.port ?? (await portFrom(API_PORT, '0.0.0.0'));
  for (const volume of VOLUMES) session.make({ kind: 'volume', name: `${stack}_${volume}` });
  session.make({ kind: 'tool-containers', broker });
  session.make({ kind: 'stack', name: stack });
  const env = { ...process.env, ...imagesEnv(images), ...stackEnv(options, version, port) };
  const apiUrl = `http://127.0.0.1:${port}`;
  const first = tenants[0];
  if (first === undefined) throw new LaunchError('a fleet needs at least one tenant');
  const ready = async (): Promise<boolean> => {
    if ((await probe(stack, 'coordinator', '/readyz')) === undefined) return false;
    if ((await probe(stack, 'worker', '/readyz')) === undefined) return false;
    return ((await statusOf(apiUrl, first.apiKey))?.workers.ready ?? 0) > 0;
  };
  await step(`stack ${stack}`, async (progress) => {
    await docker(['stack', 'deploy', '--resolve-image', 'never', '-c', STACK_FILE, stack], {
      env,
      signal: session.signal,
    });
    await waitForStack(stack, ready, { timeoutMs: READY_MS, signal: session.signal, progress });
  });
  return {
    stack,
    images,
    toolImage: referenceOf(images, 'tools'),
    mode: options.mode ?? 'warm',
    apiUrl,
    apiKey: first.apiKey,
    tenants,
    operatorKey,
    containerOf: (service) => containerOf(stack, service),
    kill: (service, signal) => killService(stack, service, signal),
    adminUrlOf: async (service) => {
      const address = await hostAddressOf(stack, service);
      return address === undefined ? undefined : `http://${address}:${ADMIN_PORT}`;
    },
    stop: () => removeStack(stack),
  };
};

const stackEnv = (
  options: SwarmOptions,
  version: string,
  port: number,
): Readonly<Record<string, string>> => ({
  ZF_SECRETS_VERSION: version,
  ZF_API_PORT: String(port),
  ZF_EXECUTION_MODE: options.mode ?? 'warm',
  ...(options.workerCpuMilli === undefined ? {} : { ZF_WORKER_CPU_MILLI: String(options.workerCpuMilli) }),
  ...(options.workerMemoryMib === undefined ? {} : { ZF_WORKER_MEMORY_MIB: String(options.workerMemoryMib) }),
});
