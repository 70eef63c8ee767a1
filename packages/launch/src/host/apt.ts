/** Debian packages, where we are root on a Debian. */
import { attempt, isRoot, lastLine, run, which } from '../exec.js';
import { LaunchError } from '../errors.js';
import { LOGS, ensureFolder } from '../paths.js';

const INSTALL_MS = 600_000;
/** RUNLEVEL=1 keeps maintainer scripts from starting services where no systemd decides that. */
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };

/** Whether packages can be installed here. */
export const canInstall = async (): Promise<boolean> => isRoot() && (await which('apt-get')) !== undefined;

/**
 * Installs Debian packages. It is not interrupted half way: that would leave dpkg broken.
 * Throws LaunchError that says what to install by hand where it cannot.
 */
export const aptInstall = async (packages: readonly string[], why: string): Promise<void> => {
  if (!(await canInstall()))
    throw new LaunchError(
      `${why} is missing; install it (on Debian: apt-get install ${packages.join(' ')}) and start again`,
    );
  const logFile = `${ensureFolder(LOGS)}/apt.log`;
  const options = { env: ENV, timeoutMs: INSTALL_MS, logFile };
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if ((await attempt('apt-get', install, options)).code === 0) return;
  await run('apt-get', ['update'], options);
  const second = await attempt('apt-get', install, options);
  if (second.code !== 0)
    throw new LaunchError(
      `apt-get could not install ${packages.join(' ')}: ${lastLine(second)}; its output is in ${logFile}`,
    );
};

/** A Debian mirror as apt is configured to use it: where debootstrap may get packages from. */
export const debianMirror = async (): Promise<string> => {
  const format = '$(SITE) $(ORIGIN) $(LABEL)';
  const targets = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const site = targets
    .split('\n')
    .find((line) => line.endsWith(' Debian Debian'))
    ?.split(' ')[0];
  if (site === undefined)
    throw new LaunchError('apt knows no Debian mirror; run apt-get update and start again');
  return site;
};
