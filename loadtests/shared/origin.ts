/** Where figures come from: they are worth nothing without the commit and the machine. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { ROOT } from '@zerofleet/launch';

const GIB = 1024 ** 3;

/** The commit of the working tree, with `-dirty` where it was changed; `none` outside of git. */
export const commit = (): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'none';
  }
};

/** The machine in one line. */
export const machine = (): string => {
  const all = cpus();
  const memory = (totalmem() / GIB).toFixed(0);
  return `${all.length} x ${all[0]?.model.trim() ?? 'cpu'}, ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`;
};
