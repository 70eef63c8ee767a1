/** CPU time of processes: unlike a rate, it hardly depends on what else the machine does. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICK_MS = 1_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Fields of /proc/PID/stat behind the name: user and system time, in ticks. */
const TIMES = { user: 11, system: 12 } as const;

/** User and system time of `pids` together so far, in ms; a process that is gone counts nothing. */
export const cpuMsOf = (pids: readonly (number | undefined)[]): number =>
  pids.reduce<number>((sum, pid) => sum + (pid === undefined ? 0 : cpuMs(pid)), 0);

const cpuMs = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[TIMES.user]) + Number(fields[TIMES.system])) * TICK_MS;
  } catch {
    return 0;
  }
};
