/**
 * The frame of every process's main: start, wait for a signal, stop in order, exit.
 *
 * M1  A config error is one line on stderr and exit code 2; a failed start is one line and 1.
 * M2  SIGTERM and SIGINT stop gracefully with exit code 0; a second signal exits at once.
 * M3  An exception that nobody caught is a bug: it is logged, and the process exits with 70 so that its
 *     supervisor starts a fresh one; half-broken processes hold leases and containers.
 */
import { EXIT } from '@zerofleet/model';
import { ConfigError } from './config.js';
import type { Service } from './service.js';

/** How `build` may end the process from inside, with a reason for the log: a leader that lost its epoch, say. */
export type Quit = (reason: string) => void;

interface End {
  readonly reason: string;
  readonly exit: number;
}

/** Resolves at the first signal (M2); exits the process on a bug (M3). */
const watchProcess = (say: (text: string) => void): { readonly end: Promise<End>; readonly quit: Quit } => {
  let resolve: (end: End) => void = () => undefined;
  const end = new Promise<End>((settle) => {
    resolve = settle;
  });
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.internal);
    resolve({ reason: signal, exit: EXIT.ok });
  };
  const onBug = (error: unknown): void => {
    say(`bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exit(EXIT.internal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  return { end, quit: (reason) => resolve({ reason, exit: EXIT.internal }) };
};

/** Runs what `build` makes until a signal comes or it quits. `name` stands before every line it prints. */
export const runMain = async (
  name: string,
  build: (quit: Quit) => Promise<Service> | Service,
): Promise<void> => {
  const say = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
  const { end, quit } = watchProcess(say);
  try {
    const service = await build(quit);
    const early = await Promise.race([service.start(), end]);
    const last = early ?? (await end);
    if (last.exit !== EXIT.ok) say(`ends: ${last.reason}`);
    await service.stop();
    process.exit(last.exit);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof ConfigError ? EXIT.usage : 1);
  }
};
