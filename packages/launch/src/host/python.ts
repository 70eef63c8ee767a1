/** Python, which runs the tool runner in execution mode `process`, and its tests. */
import { attempt, which } from '../exec.js';
import { aptInstall } from './apt.js';

const OLDEST = '3.10';

/** The path of a python3 that is new enough; installs Debian's as root. Throws LaunchError. */
export const ensurePython = async (): Promise<string> => {
  const [major, minor] = OLDEST.split('.');
  const check = `import sys; sys.exit(sys.version_info < (${major}, ${minor}))`;
  if ((await attempt('python3', ['-c', check])).code !== 0)
    await aptInstall(['python3'], `Python ${OLDEST} or newer`);
  return (await which('python3')) ?? 'python3';
};
