/** Finds and ends the processes of a run by a mark in their environment, so that none can be missed or mistaken. */
import { readFileSync, readdirSync } from 'node:fs';
import { until } from '../exec.js';

/** The environment variable that every process of a run carries. */
export const LAUNCH_ID = 'ZF_LAUNCH_ID';
const TERM_MS = 10_000;
const KILL_MS = 5_000;

/** Pids whose environment holds the mark; zombies and other users' processes have none that we can read. */
export const processesOf = (launchId: string): readonly number[] => {
  const mark = `${LAUNCH_ID}=${launchId}`;
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
    } catch {
      return false;
    }
  });
};

const signalAll = (launchId: string, signal: NodeJS.Signals): void => {
  for (const pid of processesOf(launchId)) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended in between
    }
  }
};

/** Ends every process of a run: TERM, 10 s, KILL. Throws when one survives that. */
export const endProcesses = async (launchId: string): Promise<void> => {
  const gone = async (): Promise<boolean> => Promise.resolve(processesOf(launchId).length === 0);
  if (await gone()) return;
  signalAll(launchId, 'SIGTERM');
  if (await until(gone, { timeoutMs: TERM_MS })) return;
  signalAll(launchId, 'SIGKILL');
  if (!(await until(gone, { timeoutMs: KILL_MS })))
    throw new Error(`processes ${processesOf(launchId).join(', ')} do not end`);
};
