/** The lab's own processes: coordinators like those of a fleet, and no-op workers. */
import { join } from 'node:path';
import { NATS_USER, type NatsClusterPlan } from '../fleet/brokers.js';
import type { PartSpec } from '../fleet/part.js';
import { answersOk } from '../fleet/status.js';
import { coordinatorArgs, DEFINITIONS, entryOf } from '../paths.js';
import { fixedPort } from '../ports.js';

const READY_MS = 60_000;
/** A paused coordinator answers nothing, so the question for the leader must not wait for it. */
const ANSWER_MS = 500;

export interface LabPlan {
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
  readonly againMs: number;
  readonly replicas: number;
  readonly nats: NatsClusterPlan;
  readonly redis: { readonly url: string; readonly passwordFile: string };
  readonly tenantsFile: string;
  readonly operatorsFile: string;
  readonly secretsKeyFile: string;
  readonly coordinatorEnv: Readonly<Record<string, string>>;
  /** Jobs of the echo tool that a worker has room for. */
  readonly slots: number;
  /** Where workers note the attempts that they begin; undefined when they do not. */
  readonly attemptsFolder: string | undefined;
}

export interface CoordinatorPlan {
  readonly spec: PartSpec;
  readonly apiUrl: string;
  readonly adminUrl: string;
}

const natsEnv = (plan: LabPlan): NodeJS.ProcessEnv => ({
  ZF_NATS_URL: plan.nats.servers.map(({ url }) => url).join(),
  ZF_NATS_USER: NATS_USER,
  ZF_NATS_PASSWORD_FILE: plan.nats.passwordFile,
});

/** Coordinator number `n`, on ports that stay its own while it is down. */
export const planCoordinator = async (plan: LabPlan, n: number): Promise<CoordinatorPlan> => {
  const [api, admin] = [await fixedPort(), await fixedPort()];
  const adminUrl = `http://127.0.0.1:${admin}`;
  const name = `coordinator-${n}`;
  const spec: PartSpec = {
    name,
    command: process.execPath,
    args: coordinatorArgs(),
    env: {
      ...plan.env,
      ...natsEnv(plan),
      ZF_NATS_MONITOR_URL: plan.nats.servers[0]?.monitorUrl,
      ZF_STREAM_REPLICAS: String(plan.replicas),
      ZF_REDIS_URL: plan.redis.url,
      ZF_REDIS_PASSWORD_FILE: plan.redis.passwordFile,
      ZF_API_HOST: '127.0.0.1',
      ZF_API_PORT: String(api),
      ZF_ADMIN_HOST: '127.0.0.1',
      ZF_ADMIN_PORT: String(admin),
      ZF_TENANTS_FILE: plan.tenantsFile,
      ZF_OPERATORS_FILE: plan.operatorsFile,
      ZF_SECRETS_KEY_FILE: plan.secretsKeyFile,
      ZF_TOOLS_DIR: DEFINITIONS,
      ZF_IMAGE_TOOLS: 'tools',
      ...plan.coordinatorEnv,
    },
    logFile: join(plan.logs, `${name}.log`),
    ready: () => answersOk(`${adminUrl}/readyz`),
    readyMs: READY_MS,
    againMs: plan.againMs,
  };
  return { spec, adminUrl, apiUrl: `http://127.0.0.1:${api}` };
};

/** No-op worker number `n`. That it is ready is for the coordinators to say. */
export const planWorker = (plan: LabPlan, n: number): PartSpec => {
  const name = `worker-${n}`;
  return {
    name,
    command: process.execPath,
    args: [entryOf('testkit', 'noop-worker-main.js')],
    env: {
      ...plan.env,
      ...natsEnv(plan),
      ZF_WORKER_ID: name,
      ZF_SLOTS: String(plan.slots),
      ...(plan.attemptsFolder === undefined
        ? {}
        : { ZF_ATTEMPTS_FILE: join(plan.attemptsFolder, `${name}.txt`) }),
    },
    logFile: join(plan.logs, `${name}.log`),
    ready: () => Promise.resolve(true),
    readyMs: READY_MS,
    againMs: plan.againMs,
  };
};

/** Whether the coordinator with that admin listener says that it leads. */
export const leads = async (adminUrl: string): Promise<boolean> => {
  try {
    const answer = await fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const body = (await answer.json()) as { details?: { leading?: unknown } };
    return body.details?.leading === true;
  } catch {
    return false;
  }
};
