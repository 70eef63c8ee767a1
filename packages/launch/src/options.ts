/** The command line of `npm start`. */
import { parseArgs } from 'node:util';
import type { ExecutionMode } from '@zerofleet/model';
import { LaunchError, messageOf } from './errors.js';

export interface StartOptions {
  /** A one-node Swarm instead of child processes. */
  readonly swarm: boolean;
  /** Ends after the samples, with 0 only if all succeeded. */
  readonly once: boolean;
  /** Takes away everything that was ever made here. */
  readonly down: boolean;
  readonly port: number | undefined;
  /** How jobs run; by default warm where a Docker engine answers, else process. */
  readonly mode: ExecutionMode | undefined;
  readonly data: string | undefined;
}

export const START_USAGE =
  'npm start -- [--once] [--port N] [--data DIR] [--mode warm|oneshot|process] | --swarm [--once] [--port N] | --down';

const MODES: readonly ExecutionMode[] = ['warm', 'oneshot', 'process'];

/** The options in `args`. Throws LaunchError with exit code 2 and the usage. */
export const parseStart = (args: readonly string[]): StartOptions => {
  const refuse = (why: string): never => {
    throw new LaunchError(`${why}; usage: ${START_USAGE}`, 2);
  };
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        swarm: { type: 'boolean', default: false },
        once: { type: 'boolean', default: false },
        down: { type: 'boolean', default: false },
        port: { type: 'string' },
        data: { type: 'string' },
        mode: { type: 'string' },
      },
    });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
      return refuse(`--port must be a whole number from 1 to 65535, not '${values.port ?? ''}'`);
    if (values.down && args.length > 1) return refuse('--down goes with nothing else');
    if (values.swarm && values.data !== undefined)
      return refuse('--data is for the embedded fleet; a Swarm keeps data in a volume');
    const mode = values.mode as ExecutionMode | undefined;
    if (mode !== undefined && !MODES.includes(mode))
      return refuse(`--mode must be one of ${MODES.join(', ')}, not '${mode}'`);
    if (values.swarm && mode !== undefined)
      return refuse('--mode is for the embedded fleet; a Swarm runs warm');
    return { swarm: values.swarm, once: values.once, down: values.down, port, data: values.data, mode };
  } catch (error) {
    if (error instanceof LaunchError) throw error;
    return refuse(messageOf(error).replace(/\. .*/s, ''));
  }
};
