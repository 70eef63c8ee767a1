/** The build context of the fleet image: production modules, built packages, tool definitions. */
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchError } from '../errors.js';
import { attempt } from '../exec.js';
import { step } from '../output.js';
import { DEFINITIONS, HOME, ROOT, SECCOMP, ensureFolder } from '../paths.js';
import { contentHash, goesIn, type Input } from './hash.js';

/** The apps of the fleet image; packages that they need follow from their package.json. */
const APPS = ['coordinator', 'worker', 'engine-broker'];
const FLEET = join(ROOT, 'images', 'fleet');
const FOLDER = join(HOME, 'fleet-context');
const SCOPE = '@zerofleet/';
const INSTALL_MS = 300_000;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Names of the packages that the fleet image holds: the apps and what they need, sorted. */
export const fleetPackages = (root = ROOT): readonly string[] => {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    const manifest = JSON.parse(
      readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'),
    ) as Manifest;
    for (const need of Object.keys(manifest.dependencies ?? {}))
      if (need.startsWith(SCOPE)) visit(need.slice(SCOPE.length));
  };
  APPS.forEach(visit);
  return [...found].sort();
};

const modulesInputs = (): readonly Input[] => [
  { path: join(ROOT, 'package.json') },
  { path: join(ROOT, 'package-lock.json') },
  ...fleetPackages().map((name) => ({ path: join(ROOT, 'packages', name, 'package.json') })),
];

/** Everything that decides what the fleet image is. */
export const fleetInputs = (): readonly Input[] => [
  ...modulesInputs(),
  ...fleetPackages().map((name) => ({ path: join(ROOT, 'packages', name, 'dist') })),
  { path: DEFINITIONS },
  { path: SECCOMP },
  { path: FLEET },
];

/** Fills the staging folder and returns it; modules are installed only when the lock or a manifest changed. */
export const stageFleet = async (signal: AbortSignal): Promise<string> => {
  const hash = contentHash(modulesInputs(), ROOT);
  const stamp = join(FOLDER, '.modules');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash)
    await step('production modules of the fleet image (npm ci)', () => installModules(hash, stamp, signal));
  for (const name of fleetPackages()) {
    const target = join(FOLDER, 'packages', name, 'dist');
    rmSync(target, { recursive: true, force: true });
    cpSync(join(ROOT, 'packages', name, 'dist'), target, {
      recursive: true,
      filter: (path) => goesIn(path.slice(ROOT.length)),
    });
  }
  rmSync(join(FOLDER, 'definitions'), { recursive: true, force: true });
  cpSync(DEFINITIONS, join(FOLDER, 'definitions'), { recursive: true });
  cpSync(SECCOMP, join(FOLDER, 'seccomp.json'));
  for (const name of ['Dockerfile', 'zf-probe']) cpSync(join(FLEET, name), join(FOLDER, name));
  return FOLDER;
};

const installModules = async (hash: string, stamp: string, signal: AbortSignal): Promise<void> => {
  rmSync(FOLDER, { recursive: true, force: true });
  ensureFolder(FOLDER);
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(FOLDER, name));
  for (const name of readdirSync(join(ROOT, 'packages')))
    cpSync(join(ROOT, 'packages', name, 'package.json'), join(FOLDER, 'packages', name, 'package.json'));
  const chosen = APPS.flatMap((name) => ['--workspace', `packages/${name}`]);
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...chosen];
  const result = await attempt('npm', args, { cwd: FOLDER, signal, timeoutMs: INSTALL_MS });
  if (result.code !== 0)
    throw new LaunchError(`npm ci for the fleet image failed: ${npmReason(result.stderr)}`);
  const kept = new Set(fleetPackages());
  for (const name of readdirSync(join(FOLDER, 'packages')))
    if (!kept.has(name)) rmSync(join(FOLDER, 'packages', name), { recursive: true, force: true });
  writeFileSync(join(FOLDER, '.dockerignore'), 'package*.json\n.modules\n');
  writeFileSync(stamp, hash);
};

/** The first line of npm's complaint that says something; its last ones are about its log and its usage. */
export const npmReason = (stderr: string): string => {
  const lines = stderr
    .split('\n')
    .map((line) => /^npm error (?!code |errno |syscall )(.*\S)/.exec(line)?.[1]);
  return lines.find((line) => line !== undefined) ?? 'npm says nothing';
};
