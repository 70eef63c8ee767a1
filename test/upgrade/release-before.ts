/**
 * The release before, built from this repository's own history in a temporary folder, with the packages that are installed
 * here.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, temporaryFolder, type Session } from '@zerofleet/launch';

/** The last commit that knows format 1 of the ledger alone. */
export const RELEASE_BEFORE = 'af3c03e9ba17362170021520b22fceac7b4f190e';

const PARTS = ['package.json', 'tsconfig.base.json', 'packages', 'images/tools/definitions'];
const OURS = '@zerofleet';

/** Builds its coordinator in a folder that goes with the session; returns the folder. Throws when the history lacks it. */
export const buildReleaseBefore = async (session: Session): Promise<string> => {
  const { signal } = session;
  const run = (program: string, args: readonly string[], cwd: string): Promise<unknown> =>
    promisify(execFile)(program, args, { cwd, signal });
  await run('git', ['cat-file', '-e', `${RELEASE_BEFORE}^{commit}`], ROOT).catch((error: Error) => {
    throw new Error(
      `the history here has no commit ${RELEASE_BEFORE}; 'git fetch --unshallow' brings a shallow clone's whole history`,
      { cause: error },
    );
  });
  const folder = temporaryFolder(session);
  const archive = join(folder, 'release.tar');
  await run('git', ['archive', '--output', archive, RELEASE_BEFORE, ...PARTS], ROOT);
  await run('tar', ['-xf', archive], folder);
  linkPackages(folder);
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [compiler, '--build', 'packages/coordinator'], folder).catch(
    (error: unknown) => {
      const { stdout = '' } = error as { stdout?: string };
      throw new Error(
        `the release before does not build with what is installed here: ${stdout.slice(0, 500)}`,
        {
          cause: error,
        },
      );
    },
  );
  return folder;
};

/** Installed packages as they are, its own ones instead of ours. */
const linkPackages = (folder: string): void => {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, OURS), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== OURS) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  for (const name of readdirSync(join(folder, 'packages'))) {
    symlinkSync(join(folder, 'packages', name), join(modules, OURS, name));
    const own = join(ROOT, 'packages', name, 'node_modules');
    if (existsSync(own)) symlinkSync(own, join(folder, 'packages', name, 'node_modules'));
  }
};
