/** Coordinator, worker and engine broker as child processes: their environment, nothing else. */
import type { ExecutionMode } from '@zerofleet/model';
import { join } from 'node:path';
import { coordinatorArgs, RUNNER, SECCOMP, ensureFolder, entryOf } from '../paths.js';
import type { NatsPlan, RedisPlan } from './brokers.js';
import type { PartSpec } from './part.js';
import { answersOk } from './status.js';

const READY_MS = 60_000;
/** A node: a worker, and the broker that is there for it alone. */
export interface NodePlan {
  /** What its parts' names end with, and the worker's: nothing for the first one. */
  readonly suffix: string;
  readonly ports: { readonly worker: number; readonly broker: number };
  /** What the broker's tool containers are labelled with. */
  readonly brokerName: string;
}

/** A coordinator; `suffix` as a node's. */
export interface CoordinatorPlan {
  readonly suffix: string;
  readonly ports: { readonly api: number; readonly admin: number };
}

export interface AppsPlan {
  readonly mode: ExecutionMode;
  /** Python that the users of jobs can read; set in mode `process`. */
  readonly python: string | undefined;
  /** The tool image's reference. */
  readonly image: string;
  readonly toolsDir: string;
  readonly folder: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
  readonly coordinators: readonly CoordinatorPlan[];
  readonly nodes: readonly NodePlan[];
  readonly nats: NatsPlan;
  readonly redis: RedisPlan;
  readonly tenantsFile: string;
  readonly operatorsFile: string;
  readonly secretsKeyFile: string;
  readonly tokenFile: string;
}

/** The apps' processes in the order of their start. */
export const planApps = (plan: AppsPlan): readonly PartSpec[] => {
  const coordinators = plan.coordinators.map((one) => planCoordinator(plan, one));
  return [...coordinators, ...plan.nodes.flatMap((node) => planNode(plan, node))];
};

const planCoordinator = (plan: AppsPlan, { suffix, ports }: CoordinatorPlan): PartSpec =>
  appSpec(
    plan,
    `coordinator${suffix}`,
    coordinatorArgs(),
    ports.admin,
    {
      ...natsEnv(plan),
      ZF_REDIS_URL: plan.redis.url,
      ZF_REDIS_PASSWORD_FILE: plan.redis.passwordFile,
      ZF_NATS_MONITOR_URL: plan.nats.monitorUrl,
      ZF_API_HOST: '127.0.0.1',
      ZF_API_PORT: String(ports.api),
      ZF_TENANTS_FILE: plan.tenantsFile,
      ZF_OPERATORS_FILE: plan.operatorsFile,
      ZF_SECRETS_KEY_FILE: plan.secretsKeyFile,
      ZF_TOOLS_DIR: plan.toolsDir,
      ZF_IMAGE_TOOLS: plan.image,
      ZF_EXECUTION_MODE: plan.mode,
    },
    '/readyz',
  );

const appSpec = (
  plan: AppsPlan,
  name: string,
  args: string[],
  port: number,
  env: NodeJS.ProcessEnv,
  ready = '/healthz',
): PartSpec => ({
  name,
  command: process.execPath,
  args,
  env: { ...plan.env, ZF_ADMIN_HOST: '127.0.0.1', ZF_ADMIN_PORT: String(port), ...env },
  logFile: join(plan.logs, `${name}.log`),
  ready: () => answersOk(`http://127.0.0.1:${port}${ready}`),
  readyMs: READY_MS,
});

/** A node's broker, where there is an engine, and its worker. */
const planNode = (plan: AppsPlan, { suffix, ports, brokerName }: NodePlan): readonly PartSpec[] => {
  const socket = join(plan.folder, `broker${suffix}.sock`);
  const name = `embedded${suffix}`;
  const worker = appSpec(plan, `worker${suffix}`, [entryOf('worker')], ports.worker, {
    ...natsEnv(plan),
    ZF_WORKER_ID: name,
    ZF_SECRETS_KEY_FILE: plan.secretsKeyFile,
    ZF_EXECUTION_MODE: plan.mode,
    ZF_TOOLS_DIR: plan.toolsDir,
    ZF_IMAGE_TOOLS: plan.image,
    // The launcher's images, and those of other clones of this repository, are not the fleet's to remove.
    ZF_IMAGE_KEEPING: plan.env['ZF_IMAGE_KEEPING'] ?? 'off',
    ...(plan.mode === 'process'
      ? processEnv(plan)
      : { ZF_BROKER_SOCKET: socket, ZF_BROKER_TOKEN_FILE: plan.tokenFile }),
  });
  if (plan.mode === 'process') return [worker];
  const broker = appSpec(plan, `broker${suffix}`, [entryOf('engine-broker')], ports.broker, {
    ZF_BROKER_SOCKET: socket,
    ZF_BROKER_TOKEN_FILE: plan.tokenFile,
    ZF_DOCKER_SOCKET: dockerSocket(plan.env['DOCKER_HOST']),
    ZF_BROKER_IMAGES: [plan.image, plan.env['ZF_IMAGE_TOOLS_ALSO'] ?? ''].join(),
    ZF_BROKER_WORKERS: name,
    ZF_NODE: brokerName,
    ZF_SECCOMP_FILE: SECCOMP,
  });
  return [broker, worker];
};

const natsEnv = (plan: AppsPlan): NodeJS.ProcessEnv => ({
  ZF_NATS_URL: plan.nats.url,
  ZF_NATS_USER: 'zerofleet',
  ZF_NATS_PASSWORD_FILE: plan.nats.passwordFile,
});

const processEnv = (plan: AppsPlan): NodeJS.ProcessEnv => ({
  ZF_RUNNER_DIR: RUNNER,
  ZF_PYTHON: plan.python ?? 'python3',
  ZF_SCRATCH_DIR: ensureFolder(join(plan.folder, 'scratch')),
});

/** The socket of DOCKER_HOST when that is one, else the usual one. */
const dockerSocket = (host: string | undefined): string =>
  host?.startsWith('unix://') === true ? host.slice('unix://'.length) : '/var/run/docker.sock';
