/** Python, which runs the tool runner in execution mode `process`, and its tests. */
import { spawnSync } from 'node:child_process';
import { attempt, isRoot, which } from '../exec.js';
import { aptInstall } from './apt.js';

const OLDEST = '3.10';

/** A user that owns nothing: what it can read, the users of jobs can. */
const NOBODY = 65_534;
/** A python3 that is usually readable for everyone. */
const DEBIANS = '/usr/bin/python3';

/**
 * The path of a python3 for jobs in execution mode `process`. As root they run as other users, who cannot read an
 * interpreter below root's home. Installs Debian's where no other is to be had. Throws LaunchError.
 */
export const ensureJobPython = async (): Promise<string> => {
  const first = await ensurePython();
  if (!isRoot() || isReadable(first)) return first;
  if (!isReadable(DEBIANS)) await aptInstall(['python3'], `Python ${OLDEST} or newer`);
  return DEBIANS;
};

const isReadable = (python: string): boolean =>
  spawnSync(python, ['-I', '-c', 'import json, platform, subprocess'], { uid: NOBODY, gid: NOBODY, cwd: '/' })
    .status === 0;

/** The path of a python3 that is new enough; installs Debian's as root. Throws LaunchError. */
export const ensurePython = async (): Promise<string> => {
  const [major, minor] = OLDEST.split('.');
  const check = `import sys; sys.exit(sys.version_info < (${major}, ${minor}))`;
  if ((await attempt('python3', ['-c', check])).code !== 0)
    await aptInstall(['python3'], `Python ${OLDEST} or newer`);
  return (await which('python3')) ?? 'python3';
};
