/** Stand-in bases: a minimal Debian by debootstrap, and Node from its npm package. Made once, kept as images. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchError } from '../errors.js';
import { isRoot, run, which } from '../exec.js';
import { aptInstall, debianMirror } from '../host/apt.js';
import { docker, hasImage } from '../host/docker.js';
import { step } from '../output.js';
import { HOME, LOGS, ensureFolder } from '../paths.js';
import type { Session } from '../session.js';
import type { Bases } from './bases.js';
import { contentHash } from './hash.js';

const SUITE = 'trixie';
const PACKAGES = ['ca-certificates', 'python3', 'redis-server'];
export const NODE_VERSION = '24.21.0';
/** Integrity of npm's node-linux-<arch>, by machine. */
const NODE_INTEGRITY: Readonly<Record<string, string>> = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
};
const BOOTSTRAP_MS = 600_000;

/** The stand-ins' references; their tag names the recipe. */
export const standInBases = (prefix: string): Bases => {
  const recipe = contentHash([{ text: [SUITE, ...PACKAGES, NODE_VERSION, process.arch].join(' ') }], '/');
  const debian = `${prefix}/standin-debian:${recipe}`;
  return { kind: 'stand-in', debian, node: `${prefix}/standin-node:${recipe}`, redis: debian };
};

/** Makes the stand-ins that are missing. Throws LaunchError where this machine cannot. */
export const makeStandIns = async (bases: Bases, session: Session): Promise<void> => {
  if (!(await hasImage(bases.debian))) {
    if (!isRoot())
      throw new LaunchError(
        'no container registry can be reached, and stand-in bases need root (debootstrap); start as root, or where a registry is in reach',
      );
    await step(`stand-in base from Debian ${SUITE} (debootstrap)`, () => bootstrap(bases.debian, session));
  }
  if (!(await hasImage(bases.node)))
    await step(`Node ${NODE_VERSION} into the stand-in base`, () => addNode(bases, session));
};

const bootstrap = async (reference: string, session: Session): Promise<void> => {
  if ((await which('debootstrap')) === undefined) await aptInstall(['debootstrap'], 'debootstrap');
  const folder = join(HOME, 'standin-rootfs');
  session.make({ kind: 'folder', path: folder });
  rmSync(folder, { recursive: true, force: true });
  const logFile = `${ensureFolder(LOGS)}/debootstrap.log`;
  const options = { signal: session.signal, timeoutMs: BOOTSTRAP_MS, logFile };
  const mirror = await debianMirror();
  await run(
    'debootstrap',
    ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, folder, mirror],
    options,
  );
  for (const waste of [
    'var/cache/apt/archives',
    'var/lib/apt/lists',
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
  ])
    for (const name of readdirSync(join(folder, waste)))
      rmSync(join(folder, waste, name), { recursive: true, force: true });
  const pack = 'tar -C "$1" --numeric-owner --one-file-system -c . | docker import - "$2"';
  await run('bash', ['-o', 'pipefail', '-c', pack, 'bash', folder, reference], options);
  rmSync(folder, { recursive: true, force: true });
};

const addNode = async (bases: Bases, session: Session): Promise<void> => {
  const folder = join(HOME, 'standin-node');
  session.make({ kind: 'folder', path: folder });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'context'), { recursive: true });
  const integrity = NODE_INTEGRITY[process.arch];
  if (integrity === undefined) throw new LaunchError(`no Node ${NODE_VERSION} is known for ${process.arch}`);
  const pack = [
    'pack',
    `node-linux-${process.arch}@${NODE_VERSION}`,
    '--silent',
    '--pack-destination',
    folder,
  ];
  const file = join(
    folder,
    await run('npm', pack, { cwd: folder, signal: session.signal, timeoutMs: BOOTSTRAP_MS }),
  );
  const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (found !== integrity)
    throw new LaunchError(`the package of Node ${NODE_VERSION} is not the pinned one (${found})`);
  await run('tar', ['-xzf', file, '-C', folder, 'package/bin/node']);
  copyFileSync(join(folder, 'package/bin/node'), join(folder, 'context/node'));
  chmodSync(join(folder, 'context/node'), 0o755);
  const dockerfile = `FROM ${bases.debian}\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nCOPY node /usr/local/bin/node\nRUN node --version\n`;
  await docker(['build', '-q', '-t', bases.node, '-f', '-', join(folder, 'context')], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
    input: dockerfile,
    signal: session.signal,
    timeoutMs: BOOTSTRAP_MS,
  });
  rmSync(folder, { recursive: true, force: true });
};
