/**
 * The no-op worker's process. Its boot and every attempt that it begins are in ZF_ATTEMPTS_FILE before anything of
 * them is said to anyone: `# boot BOOT pid PID`, then a line `ID ATTEMPT BOOT` each. A kill leaves them there.
 */
import { openSync, writeSync } from 'node:fs';
import type { ShardId, WorkerId } from '@zerofleet/model';
import { shardNames, type RunJob } from '@zerofleet/protocol';
import {
  commonSchema,
  connectNats,
  createLogger,
  loadConfig,
  natsSchema,
  newBootId,
  runMain,
  serviceOf,
  systemClock,
  type CommonConfig,
  type ConfigSchema,
  type NatsConfig,
  type NatsLink,
} from '@zerofleet/runtime';
import { NoopWorker } from './noop-worker.js';

interface NoopConfig extends Pick<CommonConfig, 'shard' | 'logLevel'>, NatsConfig {
  workerId: string;
  slots: number;
  attemptsFile: string;
}

const { shard, logLevel } = commonSchema(0);
const schema: ConfigSchema<NoopConfig> = {
  shard,
  logLevel,
  ...natsSchema,
  workerId: { doc: 'Name of this worker', format: 'label', default: 'noop', env: 'ZF_WORKER_ID' },
  slots: { doc: 'Jobs of the echo tool it has room for', format: 'positive', default: 256, env: 'ZF_SLOTS' },
  attemptsFile: {
    doc: 'File that begun attempts are appended to; empty for none',
    format: String,
    default: '',
    env: 'ZF_ATTEMPTS_FILE',
  },
};

/** Appends begun attempts to `path`; one write a call. */
const attemptsTo = (path: string, boot: string): ((jobs: readonly RunJob[]) => void) => {
  if (path === '') return () => undefined;
  const file = openSync(path, 'a', 0o600);
  writeSync(file, `# boot ${boot} pid ${process.pid}\n`);
  return (jobs) => void writeSync(file, jobs.map(({ id, attempt }) => `${id} ${attempt} ${boot}\n`).join(''));
};

await runMain('noop-worker', () => {
  const config = loadConfig(schema, process.env);
  const boot = newBootId();
  const log = createLogger('noop-worker', config.logLevel).child({ worker: config.workerId, boot });
  let link: NatsLink | undefined;
  let worker: NoopWorker | undefined;
  return serviceOf(
    async () => {
      link = await connectNats(config, `worker ${config.workerId}`, log);
      worker = new NoopWorker({
        link,
        names: shardNames(config.shard as ShardId),
        worker: config.workerId as WorkerId,
        boot,
        slots: config.slots,
        clock: systemClock,
        onBegin: attemptsTo(config.attemptsFile, boot),
      });
      await worker.start();
    },
    async () => {
      await worker?.stop();
      await link?.connection.close().catch(() => undefined);
    },
  );
});
