/** The worker's config. docs/config.md lists it. */
import { availableParallelism, hostname } from 'node:os';
import type { ExecutionMode } from '@zerofleet/model';
import {
  commonSchema,
  loadConfig,
  natsSchema,
  secretsSchema,
  type CommonConfig,
  type ConfigSchema,
  type Environment,
  type NatsConfig,
  type SecretsConfig,
} from '@zerofleet/runtime';
import { egressRelations, egressSchema, type EgressConfig } from './egress/egress-config.js';
import { imageRelations, imageSchema, type ImageConfig } from './pool/image-config.js';

export interface WorkerConfig extends CommonConfig, NatsConfig, SecretsConfig, EgressConfig, ImageConfig {
  workerId: string;
  executionMode: ExecutionMode;
  brokerSocket: string;
  brokerTokenFile: string;
  toolsDir: string;
  imageTools: string;
  imageToolsAlso: string;
  cpuMilli: number;
  memoryMiB: number;
  warmPerPool: number;
  warmMax: number;
  warmKeepMs: number;
  warmWorthMs: number;
  startsMax: number;
  refillPerS: number;
  reuseUses: number;
  reuseIdleMs: number;
  reuseAgeMs: number;
  sessionIdleMs: number;
  sessionMiB: number;
  sessionAgeMs: number;
  runnerDir: string;
  python: string;
  scratchDir: string;
  uidBase: number;
  drainMs: number;
}

const MINUTE_MS = 60_000;
const cores = availableParallelism();

/** A host's name as a worker's: lower case, dashes for all that may not stand in one. */
const hostLabel = (): string =>
  hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63) || 'worker';

const schema: ConfigSchema<WorkerConfig> = {
  ...commonSchema(9091),
  ...natsSchema,
  ...secretsSchema,
  ...egressSchema,
  ...imageSchema,
  workerId: {
    doc: "The worker's name, stable across restarts",
    format: 'label',
    default: hostLabel(),
    env: 'ZF_WORKER_ID',
  },
  executionMode: {
    doc: 'How jobs run here: warm containers, a fresh container a job, or subprocesses',
    format: ['warm', 'oneshot', 'process'],
    default: 'warm',
    env: 'ZF_EXECUTION_MODE',
  },
  brokerSocket: {
    doc: "The engine broker's unix socket",
    format: String,
    default: '',
    env: 'ZF_BROKER_SOCKET',
  },
  brokerTokenFile: {
    doc: 'File that holds its token',
    format: String,
    default: '',
    env: 'ZF_BROKER_TOKEN_FILE',
  },
  toolsDir: { doc: 'Folder of tool definitions', format: 'required', default: '', env: 'ZF_TOOLS_DIR' },
  imageTools: {
    doc: 'Image reference that `"image": "tools"` in a tool definition stands for',
    format: 'required',
    default: '',
    env: 'ZF_IMAGE_TOOLS',
  },
  imageToolsAlso: {
    doc: "Further tools images that stock is kept of, comma separated: the next release's while it is rolled out",
    format: String,
    default: '',
    env: 'ZF_IMAGE_TOOLS_ALSO',
  },
  cpuMilli: {
    doc: 'CPU for jobs, in thousandths of a core; the default lets four small jobs a core run side by side',
    format: 'positive',
    default: cores * 4_000,
    env: 'ZF_WORKER_CPU_MILLI',
  },
  memoryMiB: {
    doc: 'Memory for jobs and warm containers',
    format: 'positive',
    default: 4_096,
    env: 'ZF_WORKER_MEMORY_MIB',
  },
  warmPerPool: {
    doc: 'Warm containers kept per pool key, at least; more are kept where jobs come fast, or many at once',
    format: 'count',
    default: 4,
    env: 'ZF_WARM_PER_POOL',
  },
  warmMax: {
    doc: 'Warm containers kept per pool key, at most',
    format: 'positive',
    default: 32,
    env: 'ZF_WARM_MAX',
  },
  warmKeepMs: {
    doc: 'How long one is kept above that minimum after the last job, in ms, until it is known when the next one comes',
    format: 'positive',
    default: 10 * MINUTE_MS,
    env: 'ZF_WARM_KEEP_MS',
  },
  warmWorthMs: {
    doc: 'How long a warm container above the minimum may stand idle, on average, for each cold start that it saves, in ms',
    format: 'positive',
    default: 10 * MINUTE_MS,
    env: 'ZF_WARM_WORTH_MS',
  },
  startsMax: {
    doc: 'Containers that start at once, at most',
    format: 'positive',
    default: cores * 2,
    env: 'ZF_STARTS_MAX',
  },
  refillPerS: {
    doc: 'Containers started for stock in a second, in the long run; starts that a job waits for are not counted',
    format: 'positive',
    default: cores * 4,
    env: 'ZF_REFILL_PER_S',
  },
  reuseUses: {
    doc: 'Jobs of one tenant in one container, at most',
    format: 'positive',
    default: 200,
    env: 'ZF_REUSE_USES',
  },
  reuseIdleMs: {
    doc: "How long a tenant's container is kept without a job, in ms",
    format: 'positive',
    default: 5 * MINUTE_MS,
    env: 'ZF_REUSE_IDLE_MS',
  },
  reuseAgeMs: {
    doc: "Age at which a tenant's container is replaced, in ms",
    format: 'positive',
    default: 60 * MINUTE_MS,
    env: 'ZF_REUSE_AGE_MS',
  },
  sessionIdleMs: {
    doc: "How long a session's container is kept without a job, in ms; then its files are saved and it ends",
    format: 'positive',
    default: 15 * MINUTE_MS,
    env: 'ZF_SESSION_IDLE_MS',
  },
  sessionMiB: {
    doc: "A session's files, at most, when they are saved: those of one that has more are lost with its container",
    format: 'positive',
    default: 64,
    env: 'ZF_SESSION_MIB',
  },
  sessionAgeMs: {
    doc: "Age at which a session's container ends between two jobs, once its files are saved, in ms",
    format: 'positive',
    default: 24 * 60 * MINUTE_MS,
    env: 'ZF_SESSION_AGE_MS',
  },
  runnerDir: {
    doc: 'Folder of the runner, for mode process',
    format: String,
    default: '',
    env: 'ZF_RUNNER_DIR',
  },
  python: {
    doc: 'Python that runs the runner, for mode process; the users that jobs run as must be able to read it',
    format: 'required',
    default: 'python3',
    env: 'ZF_PYTHON',
  },
  scratchDir: {
    doc: 'Folder for work directories, for mode process',
    format: String,
    default: '',
    env: 'ZF_SCRATCH_DIR',
  },
  uidBase: {
    doc: 'First user id for jobs in mode process, when the worker is root',
    format: 'positive',
    default: 61_500,
    env: 'ZF_UID_BASE',
  },
  drainMs: {
    doc: 'Time for running jobs to end at a stop, in ms',
    format: 'count',
    default: 8_000,
    env: 'ZF_DRAIN_MS',
  },
};

const relations = (config: WorkerConfig): string | undefined =>
  engineRelations(config) ?? egressRelations(config) ?? imageRelations(config);

const engineRelations = (config: WorkerConfig): string | undefined => {
  if (config.executionMode === 'process')
    return config.runnerDir === '' || config.scratchDir === ''
      ? 'ZF_RUNNER_DIR and ZF_SCRATCH_DIR must be set where ZF_EXECUTION_MODE is process'
      : undefined;
  return config.brokerSocket === '' || config.brokerTokenFile === ''
    ? `ZF_BROKER_SOCKET and ZF_BROKER_TOKEN_FILE must be set where ZF_EXECUTION_MODE is ${config.executionMode}`
    : undefined;
};

/** Throws ConfigError. */
export const loadWorkerConfig = (env: Environment): Readonly<WorkerConfig> =>
  loadConfig(schema, env, relations);
