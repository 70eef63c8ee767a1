/** A deployed stack: how far its services are, and what holds them up. */
import { LaunchError } from '../errors.js';
import { lastLine, until } from '../exec.js';
import { docker, dockerLines, dockerQuiet } from '../host/docker.js';
import { warn, type Progress } from '../output.js';

const byStack = (stack: string): readonly string[] => [
  '--filter',
  `label=com.docker.stack.namespace=${stack}`,
];

/** One service of a stack, without the stack's name before it. */
export interface ServiceState {
  readonly name: string;
  readonly running: number;
  readonly wanted: number;
}

/** Reads lines of `docker service ls --format '{{.Name}} {{.Replicas}}'`. */
export const parseServices = (stack: string, lines: readonly string[]): readonly ServiceState[] =>
  lines.flatMap((line) => {
    const match = /^(\S+) (\d+)\/(\d+)/.exec(line);
    const [, name = '', running = '0', wanted = '0'] = match ?? [];
    return match === null
      ? []
      : [{ name: name.replace(`${stack}_`, ''), running: Number(running), wanted: Number(wanted) }];
  });

export const servicesOf = async (stack: string): Promise<readonly ServiceState[]> =>
  parseServices(
    stack,
    await dockerLines(['service', 'ls', ...byStack(stack), '--format', '{{.Name}} {{.Replicas}}']),
  );

/** The id of the running container of a service on this node; undefined while there is none. */
export const containerOf = async (stack: string, service: string): Promise<string | undefined> => {
  const filter = [
    '--filter',
    `label=com.docker.swarm.service.name=${stack}_${service}`,
    '--filter',
    'status=running',
  ];
  return (await dockerLines(['ps', '-q', '--no-trunc', ...filter]))[0];
};

/** Sends a signal to a service's container on this node; Swarm starts a new one when it ends. Throws LaunchError. */
export const killService = async (
  stack: string,
  service: string,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> => {
  const container = await containerOf(stack, service);
  if (container === undefined)
    throw new LaunchError(`${stack}_${service} has no running container on this node`);
  await docker(['kill', '--signal', signal, container]);
};

/** What a fleet service's admin listener answers at `path`; undefined unless the answer is 200. */
export const probe = async (stack: string, service: string, path: string): Promise<string | undefined> => {
  const container = await containerOf(stack, service);
  if (container === undefined) return undefined;
  const result = await dockerQuiet(['exec', container, 'zf-probe', path], { timeoutMs: 10_000 });
  return result.code === 0 ? result.stdout : undefined;
};

/** Waits until every service runs as often as it should and `ready` says so. Throws LaunchError after saying what is wrong. */
export const waitForStack = async (
  stack: string,
  ready: () => Promise<boolean>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly progress: Progress },
): Promise<void> => {
  const complete = async (): Promise<boolean> => {
    const services = await servicesOf(stack);
    if (services.length === 0)
      throw new LaunchError(`the stack ${stack} is gone; something else took it away`);
    const waiting = services.filter((service) => service.running < service.wanted || service.wanted === 0);
    options.progress(
      waiting.length === 0 ? 'readiness' : `waits for ${waiting.map((service) => service.name).join(', ')}`,
    );
    return waiting.length === 0 && (await ready());
  };
  if (await until(complete, { timeoutMs: options.timeoutMs, everyMs: 250, signal: options.signal })) return;
  if (options.signal.aborted) throw options.signal.reason as Error;
  await explain(stack);
  throw new LaunchError(
    `the stack ${stack} was not ready after ${options.timeoutMs / 1000} s; the lines above say where it stands`,
  );
};

/** Says what each service's tasks are stuck at, and the last lines of their logs. */
const explain = async (stack: string): Promise<void> => {
  for (const { name, running, wanted } of await servicesOf(stack)) {
    const service = `${stack}_${name}`;
    warn(`${service}: ${running} of ${wanted} run`);
    const format = '{{.CurrentState}} {{.Error}}';
    for (const task of (
      await dockerLines(['service', 'ps', '--no-trunc', '--format', format, service])
    ).slice(0, 3))
      warn(`  task: ${task}`);
    const logs = await dockerQuiet(['service', 'logs', '--raw', '--tail', '4', service], {
      timeoutMs: 10_000,
    });
    if (logs.code === 0)
      for (const line of logs.stdout.split('\n').filter((text) => text !== ''))
        warn(`  log: ${line.slice(0, 300)}`);
    if (name === 'coordinator' || name === 'worker') {
      const container = await containerOf(stack, name);
      if (container === undefined) continue;
      const readiness = await dockerQuiet(['exec', container, 'zf-probe', '/readyz'], { timeoutMs: 10_000 });
      warn(`  readiness: ${lastLine(readiness).slice(0, 500)}`);
    }
  }
};

/** Addresses of a service's containers on this host's gateway bridge, where the host reaches their admin listeners. */
export const hostAddressOf = async (stack: string, service: string): Promise<string | undefined> => {
  const container = await containerOf(stack, service);
  if (container === undefined) return undefined;
  const members = JSON.parse(
    await docker(['network', 'inspect', '--format', '{{json .Containers}}', 'docker_gwbridge']),
  ) as Record<string, { readonly IPv4Address: string }>;
  return members[container]?.IPv4Address.split('/')[0];
};
