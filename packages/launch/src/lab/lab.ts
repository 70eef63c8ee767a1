/**
 * A lab: several coordinators, real NATS and Redis and no-op workers as child processes on loopback, for tests and
 * benches of what happens between them.
 *
 * B1  Ports stay the same over restarts: clients know every URL from the start.
 * B2  A part that ends by itself is back after 0.2 s, however often.
 * B3  Everything goes when the session ends.
 */
import { join } from 'node:path';
import { LaunchError } from '../errors.js';
import { until } from '../exec.js';
import { NATS_USER, planNatsCluster, planRedis, type BrokerFiles, type NatsSync } from '../fleet/brokers.js';
import { Part, type PartSpec } from '../fleet/part.js';
import { inheritedEnv, temporaryFolder } from '../fleet/surroundings.js';
import { statusOf } from '../fleet/status.js';
import { ensureNats } from '../host/nats.js';
import { LAUNCH_ID } from '../host/processes.js';
import { ensureRedis } from '../host/redis.js';
import {
  newApiKey,
  newSealingKey,
  operatorsFile,
  tenantsFile,
  writeSecret,
  type TenantKey,
} from '../keys.js';
import { ensureFolder } from '../paths.js';
import { fixedPort } from '../ports.js';
import type { Session } from '../session.js';
import { connectNats, silentLogger, type NatsLink } from '@zerofleet/runtime';
import { leads, planCoordinator, planWorker, type LabPlan } from './parts.js';

const AGAIN_MS = 200;
const READY_MS = 60_000;
const SLOTS = 256;

export interface LabOptions {
  /** Default 1. */
  readonly coordinators?: number;
  /** No-op workers; default 1. */
  readonly workers?: number;
  /** Jobs of the echo tool that a worker has room for; default 256. */
  readonly slots?: number;
  /** Default `always`. */
  readonly sync?: NatsSync;
  /** NATS servers; with 3 the streams have 3 replicas. Default 1. */
  readonly servers?: 1 | 3;
  /** Where each NATS server keeps its streams; default inside the lab's folder. */
  readonly storeFolders?: readonly string[];
  /** Default `demo` alone. */
  readonly tenants?: readonly string[];
  /** Further environment of the coordinators. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default true; without it the coordinators find no Redis. */
  readonly redis?: boolean;
  /** Whether workers note every attempt that they begin in a file of `attemptsFolder`; default false. */
  readonly attempts?: boolean;
  /** Takes lines about parts that end and start again; default none. */
  readonly report?: (line: string) => void;
}

export interface LabCoordinator {
  readonly part: Part;
  readonly apiUrl: string;
  readonly adminUrl: string;
}

export interface Lab {
  readonly nats: {
    readonly urls: readonly string[];
    readonly monitorUrls: readonly string[];
    readonly user: string;
    readonly passwordFile: string;
    readonly parts: readonly Part[];
  };
  /** Undefined when the lab was asked to have none. */
  readonly redis: { readonly url: string; readonly passwordFile: string; readonly part: Part } | undefined;
  readonly coordinators: readonly LabCoordinator[];
  readonly workers: readonly Part[];
  readonly tenants: readonly TenantKey[];
  /** A key of its operators. */
  readonly operatorKey: string;
  readonly folder: string;
  /** Holds `<worker>.txt` of each worker when the lab was asked to note attempts. */
  readonly attemptsFolder: string;
  /** A connection to the lab's NATS, closed with the lab. */
  connect(): Promise<NatsLink>;
  /** Index of the coordinator that says it leads; undefined while none does. */
  leader(): Promise<number | undefined>;
  /** Ends every part in order; safe to call more than once. */
  stop(): Promise<void>;
}

/** Starts a lab and waits until every coordinator and worker is ready. Throws LaunchError. */
export const startLab = async (session: Session, options: LabOptions = {}): Promise<Lab> => {
  const folder = temporaryFolder(session);
  const tenants = (options.tenants ?? ['demo']).map((tenant) => ({ tenant, apiKey: newApiKey() }));
  const operatorKey = newApiKey();
  const brokers = await planBrokers(session, folder, options);
  const { nats, redis } = brokers;
  const attemptsFolder = ensureFolder(join(folder, 'attempts'), 0o700);
  const plan: LabPlan = {
    ...brokers,
    replicas: nats.servers.length,
    tenantsFile: writeSecret(join(folder, 'tenants.json'), tenantsFile(tenants)),
    operatorsFile: writeSecret(join(folder, 'operators.json'), operatorsFile(operatorKey)),
    secretsKeyFile: writeSecret(join(folder, 'secrets.key'), newSealingKey()),
    coordinatorEnv: options.env ?? {},
    slots: options.slots ?? SLOTS,
    attemptsFolder: options.attempts === true ? attemptsFolder : undefined,
  };
  const report = options.report ?? (() => undefined);
  const partOf = (spec: PartSpec): Part => new Part(spec, report);
  const coordinators: LabCoordinator[] = [];
  for (let n = 0; n < (options.coordinators ?? 1); n += 1) {
    const { spec, ...urls } = await planCoordinator(plan, n);
    coordinators.push({ part: partOf(spec), ...urls });
  }
  const links: NatsLink[] = [];
  const urls = nats.servers.map((server) => server.url);
  const lab: Lab = {
    nats: {
      urls,
      monitorUrls: nats.servers.map((server) => server.monitorUrl),
      user: NATS_USER,
      passwordFile: nats.passwordFile,
      parts: nats.servers.map((server) => partOf(server.spec)),
    },
    redis: redis.spec && { url: redis.url, passwordFile: redis.passwordFile, part: partOf(redis.spec) },
    coordinators,
    workers: Array.from({ length: options.workers ?? 1 }, (_, n) => partOf(planWorker(plan, n))),
    tenants,
    operatorKey,
    folder,
    attemptsFolder,
    connect: async () => {
      const config = { natsUrl: urls.join(), natsUser: NATS_USER, natsPasswordFile: nats.passwordFile };
      const link = await connectNats(config, 'lab', silentLogger());
      links.push(link);
      return link;
    },
    leader: () => leaderOf(coordinators),
    stop: async () => {
      for (const link of links.splice(0)) await link.connection.close().catch(() => undefined);
      for (const parts of inOrder(lab).reverse()) await Promise.all(parts.map((part) => part.stop()));
    },
  };
  session.make({ kind: 'processes', launchId: session.launchId });
  session.atEnd('the lab', () => lab.stop());
  for (const parts of inOrder(lab)) await Promise.all(parts.map((part) => part.start(session.signal)));
  await workersReady(session, lab);
  return lab;
};

/** NATS and Redis on ports of their own; a Redis that is not wanted has a port at which nobody answers. */
const planBrokers = async (session: Session, folder: string, options: LabOptions) => {
  const logs = ensureFolder(join(folder, 'logs'), 0o700);
  const env = { ...inheritedEnv(), [LAUNCH_ID]: session.launchId };
  const files: BrokerFiles & { againMs: number } = { folder, logs, env, againMs: AGAIN_MS };
  const nats = await planNatsCluster(await ensureNats(), files, {
    servers: options.servers ?? 1,
    sync: options.sync ?? 'always',
    ...(options.storeFolders === undefined ? {} : { storeFolders: options.storeFolders }),
  });
  const port = await fixedPort();
  const redis =
    options.redis === false
      ? { url: `redis://127.0.0.1:${port}`, passwordFile: '', spec: undefined }
      : await planRedis(await ensureRedis(), files, { port });
  return { ...files, nats, redis };
};

/** What does not wait for each other starts at once: brokers, then coordinators, then workers. */
const inOrder = ({ nats, redis, coordinators, workers }: Lab): (readonly Part[])[] => [
  redis === undefined ? nats.parts : [...nats.parts, redis.part],
  coordinators.map(({ part }) => part),
  workers,
];

/** Waits until the fleet counts as many ready workers as there are. */
const workersReady = async (session: Session, lab: Lab): Promise<void> => {
  const [first] = lab.coordinators;
  const [tenant] = lab.tenants;
  if (first === undefined || tenant === undefined || lab.workers.length === 0) return;
  const ready = async (): Promise<boolean> =>
    ((await statusOf(first.apiUrl, tenant.apiKey))?.workers.ready ?? 0) >= lab.workers.length;
  if (await until(ready, { timeoutMs: READY_MS, everyMs: 50, signal: session.signal })) return;
  session.check();
  throw new LaunchError(
    `not all workers were ready after ${READY_MS / 1000} s; the logs are in ${lab.folder}`,
  );
};

const leaderOf = async (coordinators: readonly LabCoordinator[]): Promise<number | undefined> => {
  const answers = await Promise.all(coordinators.map(({ adminUrl }) => leads(adminUrl)));
  const index = answers.indexOf(true);
  return index === -1 ? undefined : index;
};
