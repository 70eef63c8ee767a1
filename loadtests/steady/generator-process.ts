/** Starts the generator, gives it its task, and takes its result. */
import { fork } from 'node:child_process';
import type { LoadOptions, LoadResult } from './load.js';

/** What a run may take beyond its duration, in ms. */
const GRACE_MS = 30_000;

/** The load of a generator process. Throws when it ends without a result or is not done in time. */
export const generate = (options: LoadOptions, tool: string, signal: AbortSignal): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const child = fork(new URL('./generator.js', import.meta.url), {
      execArgv: [],
      signal,
      killSignal: 'SIGKILL',
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.durationS * 1_000 + GRACE_MS);
    let result: LoadResult | undefined;
    child.on('message', (message) => {
      result = message as LoadResult;
    });
    child.on('error', reject);
    child.on('close', (code, killed) => {
      clearTimeout(timer);
      if (result !== undefined) resolve(result);
      else reject(new Error(`the generator ended without a result (${killed ?? `exit ${code}`})`));
    });
    child.send({ options, tool });
  });
