/** A whole fleet on loopback: real NATS and Redis, engine broker, coordinator and worker as child processes. */
import { join, resolve } from 'node:path';
import { LaunchError } from '../errors.js';
import { until } from '../exec.js';
import { whyNoEngine } from '../host/engine.js';
import { engineAnswers } from '../host/docker.js';
import { ensureNats } from '../host/nats.js';
import { LAUNCH_ID } from '../host/processes.js';
import { ensureJobPython } from '../host/python.js';
import { ensureRedis } from '../host/redis.js';
import { ensureImages, referenceOf } from '../images/build.js';
import {
  keptSecret,
  newApiKey,
  newPassword,
  newSealingKey,
  operatorsFile,
  tenantsFile,
  writeSecret,
  type TenantKey,
} from '../keys.js';
import { say, step, warn } from '../output.js';
import { DEFINITIONS, ensureFolder } from '../paths.js';
import { freePort, portFrom } from '../ports.js';
import type { Session } from '../session.js';
import { planApps, type CoordinatorPlan, type NodePlan } from './apps.js';
import { planNats, planRedis } from './brokers.js';
import type { Fleet } from './fleet.js';
import { Part } from './part.js';
import { inheritedEnv, temporaryFolder } from './surroundings.js';
import { statusOf } from './status.js';

const API_PORT = 8080;
const READY_MS = 60_000;

type AppName = 'coordinator' | 'broker' | 'worker';

export type PartName = 'nats' | 'redis' | AppName | `${AppName}-${number}`;

/** A node of an embedded fleet: a worker and its engine broker; `broker` is undefined in execution mode `process`. */
export interface EmbeddedNode {
  readonly worker: Part;
  readonly broker: Part | undefined;
  readonly workerUrl: string;
}

export interface EmbeddedOptions {
  /** Where data stays; default a temp folder that goes with the fleet. */
  readonly data?: string;
  /** The API's port; default the first free one from 8080. */
  readonly port?: number;
  readonly tenants?: readonly string[];
  /** Keys of earlier runs, by tenant, so that they stay valid. */
  readonly keys?: readonly TenantKey[];
  /** Default `warm` when a Docker engine answers, else `process`. */
  readonly mode?: 'warm' | 'oneshot' | 'process';
  /** Folder of tool definitions; default those of the native tools. */
  readonly toolsDir?: string;
  /** Default 1. The second is called `coordinator-2`; each has the API at a port of its own. */
  readonly coordinators?: number;
  /** Workers with a broker each, on one engine; default 1. Parts of the second are called `worker-2` and `broker-2`. */
  readonly nodes?: number;
  /** Further environment of coordinator and worker, such as ZF_LOG_LEVEL. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes lines about parts that end and start again; default the terminal. */
  readonly report?: (line: string) => void;
}

/** A fleet of child processes. */
export interface EmbeddedFleet extends Fleet {
  /** Every part, in the order of their start; `broker` is missing in execution mode `process`. */
  readonly parts: ReadonlyMap<PartName, Part>;
  /** Admin listeners' base URLs. */
  readonly adminUrls: Readonly<Record<'coordinator' | 'worker', string>> & { readonly broker?: string };
  /** NATS and Redis, for tests that look at them directly. */
  readonly nats: {
    readonly url: string;
    readonly monitorUrl: string;
    readonly user: string;
    readonly passwordFile: string;
    readonly synced: boolean;
  };
  readonly redis: { readonly url: string; readonly passwordFile: string };
  /** Every coordinator's API. */
  readonly apiUrls: readonly string[];
  readonly nodes: readonly EmbeddedNode[];
  /** The reference of the tools image that it began with; `tools` in execution mode `process`. */
  readonly image: string;
  readonly folder: string;
  readonly logs: string;
  /** The part of that name. Throws LaunchError when this fleet has none. */
  part(name: PartName): Part;
  /** Waits until the API answers and a worker is ready. */
  ready(timeoutMs?: number): Promise<boolean>;
}

/** Starts a fleet; everything it makes goes when `session` ends. Throws LaunchError. */
export const startEmbedded = async (
  session: Session,
  options: EmbeddedOptions = {},
): Promise<EmbeddedFleet> => {
  const mode = options.mode ?? (await defaultMode());
  const report = options.report ?? ((line: string) => say(`  ${line}`));
  const nats = await step('NATS server', () => ensureNats());
  const redis = await step('Redis server', () => ensureRedis());
  const python = mode === 'process' ? await ensureJobPython() : undefined;
  const images = mode === 'process' ? undefined : await ensureImages(session, ['base-node', 'tools']);
  const image = images === undefined ? 'tools' : referenceOf(images, 'tools');
  const folder = options.data === undefined ? temporaryFolder(session) : ensureFolder(resolve(options.data));
  const logs = ensureFolder(join(folder, 'logs'), 0o700);
  const env = { ...inheritedEnv(), [LAUNCH_ID]: session.launchId };
  const tenants = (options.tenants ?? ['demo']).map(
    (tenant): TenantKey =>
      options.keys?.find((key) => key.tenant === tenant) ?? { tenant, apiKey: newApiKey() },
  );
  const operatorKey = newApiKey();
  const owner = tenants[0];
  if (owner === undefined) throw new LaunchError('a fleet needs at least one tenant');
  const natsPlan = await planNats(nats, { folder, logs, env });
  const redisPlan = await planRedis(redis, { folder, logs, env });
  const coordinators: CoordinatorPlan[] = [];
  for (let n = 1; n <= (options.coordinators ?? 1); n += 1) {
    const api = n === 1 ? (options.port ?? (await portFrom(API_PORT))) : await freePort();
    coordinators.push({ suffix: suffixOf(n), ports: { api, admin: await freePort() } });
  }
  const nodes: NodePlan[] = [];
  for (let n = 1; n <= (options.nodes ?? 1); n += 1) {
    const suffix = suffixOf(n);
    const brokerName = `embedded-${session.launchId}${suffix}`;
    nodes.push({ suffix, ports: { worker: await freePort(), broker: await freePort() }, brokerName });
  }
  const apps = planApps({
    mode,
    python,
    image,
    toolsDir: options.toolsDir ?? DEFINITIONS,
    folder,
    logs,
    coordinators,
    nodes,
    env: { ...env, ...options.env },
    nats: natsPlan,
    redis: redisPlan,
    tenantsFile: writeSecret(join(folder, 'tenants.json'), tenantsFile(tenants)),
    operatorsFile: writeSecret(join(folder, 'operators.json'), operatorsFile(operatorKey)),
    secretsKeyFile: keptSecret(join(folder, 'secrets.key'), newSealingKey),
    tokenFile: writeSecret(join(folder, 'broker.token'), newPassword()),
  });
  const specs = [natsPlan.spec, redisPlan.spec, ...apps];
  const parts = new Map(specs.map((spec) => [spec.name as PartName, new Part(spec, report)]));
  if (mode !== 'process')
    for (const { brokerName } of nodes) session.make({ kind: 'tool-containers', broker: brokerName });
  session.make({ kind: 'processes', launchId: session.launchId });
  const stop = async (): Promise<void> => {
    for (const part of [...parts.values()].reverse()) await part.stop();
  };
  session.atEnd('the fleet', stop);
  const [first, node] = [coordinators[0], nodes[0]];
  if (first === undefined || node === undefined)
    throw new LaunchError('a fleet needs a coordinator and a node at least');
  const apiUrls = coordinators.map(({ ports }) => localUrl(ports.api));
  const apiUrl = localUrl(first.ports.api);
  const ready = (timeoutMs = READY_MS): Promise<boolean> =>
    until(async () => ((await statusOf(apiUrl, owner.apiKey))?.workers.ready ?? 0) > 0, {
      timeoutMs,
      everyMs: 50,
      signal: session.signal,
    });
  await step('fleet', async (progress) => {
    for (const part of parts.values()) {
      progress(part.name);
      session.check();
      await part.start(session.signal);
    }
    if (await ready()) return;
    session.check();
    throw new LaunchError(`no worker was ready after ${READY_MS / 1000} s; the logs are in ${logs}`);
  });
  const part = (name: PartName): Part => {
    const found = parts.get(name);
    if (found === undefined)
      throw new LaunchError(`this fleet has no ${name}: its execution mode is ${mode}`);
    return found;
  };
  return {
    mode,
    apiUrl,
    apiUrls,
    apiKey: owner.apiKey,
    tenants,
    operatorKey,
    parts,
    folder,
    logs,
    ready,
    stop,
    adminUrls: {
      coordinator: localUrl(first.ports.admin),
      worker: localUrl(node.ports.worker),
      ...(mode === 'process' ? {} : { broker: localUrl(node.ports.broker) }),
    },
    nodes: nodes.map((one) => ({
      worker: part(`worker${one.suffix}` as PartName),
      broker: parts.get(`broker${one.suffix}` as PartName),
      workerUrl: localUrl(one.ports.worker),
    })),
    image,
    nats: {
      url: natsPlan.url,
      monitorUrl: natsPlan.monitorUrl,
      user: 'zerofleet',
      passwordFile: natsPlan.passwordFile,
      synced: nats.synced,
    },
    redis: { url: redisPlan.url, passwordFile: redisPlan.passwordFile },
    part,
  };
};

const suffixOf = (n: number): string => (n === 1 ? '' : `-${n}`);

const localUrl = (port: number): string => `http://127.0.0.1:${port}`;

/** `warm` where a Docker engine answers; otherwise `process`, with a plain warning. */
const defaultMode = async (): Promise<'warm' | 'process'> => {
  if (await engineAnswers()) return 'warm';
  warn(`${(await whyNoEngine()) ?? 'no Docker engine runs; npm start -- --swarm starts one'}.`);
  warn(
    'jobs run as plain subprocesses of this machine: that isolates little, so run only code that you trust.',
  );
  return 'process';
};
