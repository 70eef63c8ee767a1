/** The coordinator's config. docs/config.md lists it. */
import type { ExecutionMode } from '@zerofleet/model';
import type { LedgerFormat } from '@zerofleet/protocol';
import {
  commonSchema,
  loadConfig,
  natsSchema,
  redisSchema,
  secretsSchema,
  type CommonConfig,
  type ConfigSchema,
  type Environment,
  type NatsConfig,
  type RedisConfig,
  type SecretsConfig,
} from '@zerofleet/runtime';

export interface CoordinatorConfig extends CommonConfig, NatsConfig, RedisConfig, SecretsConfig {
  apiHost: string;
  apiPort: number;
  tenantsFile: string;
  operatorsFile: string;
  toolsDir: string;
  imageTools: string;
  executionMode: ExecutionMode;
  natsMonitorUrl: string;
  replicas: number;
  ledgerMaxBytes: number;
  outcomesMaxBytes: number;
  outcomesMaxAgeMs: number;
  timersMaxBytes: number;
  deadMaxBytes: number;
  blobsMaxBytes: number;
  controlsMaxBytes: number;
  sessionFilesMaxBytes: number;
  sessionKeepMs: number;
  ledgerFormat: LedgerFormat;
  queuedMax: number;
  payloadBytesMax: number;
  commitWindow: number;
  workerSilenceMs: number;
  waitersMax: number;
  stopGraceMs: number;
}

const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;

const schema: ConfigSchema<CoordinatorConfig> = {
  ...commonSchema(9090),
  ...natsSchema,
  ...redisSchema,
  ...secretsSchema,
  apiHost: { doc: 'Address of the tenant API', format: String, default: '127.0.0.1', env: 'ZF_API_HOST' },
  apiPort: { doc: 'Its port; 0 takes a free one', format: 'port', default: 8080, env: 'ZF_API_PORT' },
  tenantsFile: {
    doc: 'JSON file of tenants and the hashes of their API keys',
    format: 'required',
    default: '',
    env: 'ZF_TENANTS_FILE',
  },
  operatorsFile: {
    doc: "JSON file of the hashes of operators' first keys; empty for none",
    format: String,
    default: '',
    env: 'ZF_OPERATORS_FILE',
  },
  toolsDir: { doc: 'Folder of tool definitions', format: 'required', default: '', env: 'ZF_TOOLS_DIR' },
  imageTools: {
    doc: 'Image reference that `"image": "tools"` in a tool definition stands for',
    format: 'required',
    default: '',
    env: 'ZF_IMAGE_TOOLS',
  },
  executionMode: {
    doc: 'How jobs run: warm containers, a fresh container a job, or a subprocess of the worker',
    format: ['warm', 'oneshot', 'process'],
    default: 'warm',
    env: 'ZF_EXECUTION_MODE',
  },
  natsMonitorUrl: {
    doc: "NATS's monitoring port, asked whether appends are synced; empty for none",
    format: String,
    default: '',
    env: 'ZF_NATS_MONITOR_URL',
  },
  replicas: { doc: 'Replicas of the streams', format: [1, 3, 5], default: 1, env: 'ZF_STREAM_REPLICAS' },
  ledgerMaxBytes: {
    doc: 'Bytes of the ledger stream, at most',
    format: 'positive',
    default: 2 * GIB,
    env: 'ZF_LEDGER_MAX_BYTES',
  },
  outcomesMaxBytes: {
    doc: 'Bytes of the outcomes stream, at most; the oldest outcomes go first',
    format: 'positive',
    default: 2 * GIB,
    env: 'ZF_OUTCOMES_MAX_BYTES',
  },
  outcomesMaxAgeMs: {
    doc: 'How long outcomes can be read, in ms',
    format: 'positive',
    default: 7 * DAY_MS,
    env: 'ZF_OUTCOMES_MAX_AGE_MS',
  },
  timersMaxBytes: {
    doc: 'Bytes of the stream of jobs due far ahead, at most; what does not fit stays in the ledger',
    format: 'positive',
    default: 2 * GIB,
    env: 'ZF_TIMERS_MAX_BYTES',
  },
  deadMaxBytes: {
    doc: 'Bytes of the stream of dead letters, at most; the oldest go first',
    format: 'positive',
    default: GIB / 2,
    env: 'ZF_DEAD_MAX_BYTES',
  },
  blobsMaxBytes: {
    doc: 'Bytes of the blob store, at most; at 80 % of it submissions that need a blob are refused',
    format: 'positive',
    default: 8 * GIB,
    env: 'ZF_BLOBS_MAX_BYTES',
  },
  controlsMaxBytes: {
    doc: 'Bytes of the store of tenants, keys, secrets, schedules and pauses, at most',
    format: 'positive',
    default: GIB / 4,
    env: 'ZF_CONTROLS_MAX_BYTES',
  },
  sessionFilesMaxBytes: {
    doc: 'Bytes of the files that sessions left, at most',
    format: 'positive',
    default: 2 * GIB,
    env: 'ZF_SESSION_FILES_MAX_BYTES',
  },
  sessionKeepMs: {
    doc: 'A session that was not used for so long is over, and its files are removed, in ms',
    format: 'positive',
    default: 7 * 24 * 3_600_000,
    env: 'ZF_SESSION_KEEP_MS',
  },
  ledgerFormat: {
    doc: 'Newest ledger format to write; the one before keeps the way back to the release before open',
    format: [1, 2],
    default: 2,
    env: 'ZF_LEDGER_FORMAT',
  },
  queuedMax: {
    doc: 'Jobs queued in the shard, at most',
    format: 'positive',
    default: 1_000_000,
    env: 'ZF_QUEUED_MAX',
  },
  payloadBytesMax: {
    doc: 'Bytes of inline payloads that the coordinator holds in memory, at most; the rest stays on disk',
    format: 'positive',
    default: GIB / 16,
    env: 'ZF_PAYLOAD_BYTES_MAX',
  },
  commitWindow: {
    doc: 'Group commits in flight, at most',
    format: 'positive',
    default: 4,
    env: 'ZF_COMMIT_WINDOW',
  },
  workerSilenceMs: {
    doc: 'Silence after which a worker counts as lost, in ms',
    format: 'positive',
    default: 6_000,
    env: 'ZF_WORKER_SILENCE_MS',
  },
  waitersMax: {
    doc: 'Open long polls and event streams, at most',
    format: 'positive',
    default: 10_000,
    env: 'ZF_WAITERS_MAX',
  },
  stopGraceMs: {
    doc: 'Time to finish commits at a stop, in ms',
    format: 'positive',
    default: 5_000,
    env: 'ZF_STOP_GRACE_MS',
  },
};

/** Workers speak each second: a shorter silence would declare healthy ones lost. */
const HEARTBEAT_MS = 1_000;

/** Throws ConfigError. */
export const loadCoordinatorConfig = (env: Environment): Readonly<CoordinatorConfig> =>
  loadConfig(schema, env, (config) =>
    config.workerSilenceMs < 2 * HEARTBEAT_MS
      ? `ZF_WORKER_SILENCE_MS must be at least two heartbeats of ${HEARTBEAT_MS} ms`
      : undefined,
  );
