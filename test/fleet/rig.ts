/**
 * A fleet of child processes on a Docker engine of its own, whose parts and whose engine can be killed: nothing that other
 * fleets of this machine run on is touched.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  docker,
  engineAnswers,
  ensureFolder,
  ensureImages,
  referenceOf,
  Part,
  run,
  startEmbedded,
  temporaryFolder,
  type EmbeddedFleet,
  type EmbeddedOptions,
  type Session,
} from '@zerofleet/launch';

const COPY_MS = 120_000;
const READY_MS = 60_000;

export interface Pools {
  readonly key: string;
  readonly target: number;
  readonly warm: number;
  readonly starting: number;
}

/** `toolsDir`: default the repository's. */
export interface RigOptions extends Pick<
  EmbeddedOptions,
  'env' | 'coordinators' | 'nodes' | 'tenants' | 'toolsDir'
> {
  /** Runtimes beside runc, as dockerd's config names them. */
  readonly runtimes?: Readonly<
    Record<string, { readonly path: string; readonly runtimeArgs?: readonly string[] }>
  >;
}

export class Rig {
  readonly fleet: EmbeddedFleet;
  /** Its dockerd, which is started again whenever it ends, as a service manager would. */
  readonly engine: Part;

  private constructor(engine: Part, fleet: EmbeddedFleet) {
    this.engine = engine;
    this.fleet = fleet;
  }

  /** Starts an engine, gives it the images of the usual one where there is one, and a fleet on it. */
  static async start(session: Session, options: RigOptions = {}): Promise<Rig> {
    const root = ensureFolder(join(temporaryFolder(session), 'engine'));
    const images = (await engineAnswers()) ? await ensureImages(session, ['base-node', 'tools']) : undefined;
    const usual = process.env['DOCKER_HOST'];
    // Behind the engine's end: what the session takes away before that is on this engine.
    session.atEnd('DOCKER_HOST', () => {
      if (usual === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = usual;
      return Promise.resolve();
    });
    process.env['DOCKER_HOST'] = `unix://${root}/docker.sock`;
    const engine = engineIn(root, options.runtimes ?? {});
    session.make({ kind: 'engine', systemd: false, root });
    session.atEnd('dockerd', () => engine.stop());
    await engine.start(session.signal);
    if (images !== undefined) {
      const names = [referenceOf(images, 'base-node'), referenceOf(images, 'tools')];
      const from = usual === undefined ? 'env -u DOCKER_HOST' : `env DOCKER_HOST='${usual}'`;
      const copy = `${from} docker save "$@" | docker load -q`;
      await run('bash', ['-o', 'pipefail', '-c', copy, 'bash', ...names], { timeoutMs: COPY_MS });
    }
    const report = (): void => undefined;
    return new Rig(engine, await startEmbedded(session, { mode: 'warm', report, ...options }));
  }

  /** Ids of all containers of the engine: nobody else uses it. */
  async containers(): Promise<string[]> {
    const ids = await docker(['ps', '-aq', '--no-trunc']);
    return ids.split('\n').filter((id) => id !== '');
  }

  /** What the worker says of its pools; undefined while it does not answer. */
  async pools(): Promise<readonly Pools[] | undefined> {
    try {
      const answer = await fetch(`${this.fleet.adminUrls.worker}/readyz`, {
        signal: AbortSignal.timeout(1_000),
      });
      return ((await answer.json()) as { details: { pools?: Pools[] } }).details.pools;
    } catch {
      return undefined;
    }
  }
}

/**
 * A dockerd with all that it keeps in `root`, without networks: containers there have none. It has network interfaces of its
 * own, since one that is told to have no bridge takes away the machine's docker0.
 */
const engineIn = (root: string, runtimes: NonNullable<RigOptions['runtimes']>): Part => {
  const config = join(root, 'daemon.json');
  writeFileSync(config, JSON.stringify({ runtimes }));
  const args = ['--config-file', config, '-p', join(root, 'dockerd.pid'), '-H', `unix://${root}/docker.sock`];
  args.push('--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'));
  args.push('--bridge', 'none', '--iptables=false');
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const logFile = join(root, 'dockerd.log');
  const spec = { name: 'dockerd', command: 'unshare', args: ['--net', 'dockerd', ...args], env, logFile };
  return new Part({ ...spec, ready: engineAnswers, readyMs: READY_MS }, () => undefined);
};
