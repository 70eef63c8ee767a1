/** Ctrl-C as a value: the first one is told to the command, the second one ends the process at once. */
import type { CliEnvironment } from './context.js';

/** The usual exit code of a program that SIGINT ended. */
const EXIT_BY_SIGINT = 130;

/** Runs `body` with a signal that the first interrupt aborts. */
export const withInterrupt = async <T>(
  environment: CliEnvironment,
  body: (interrupted: AbortSignal) => Promise<T>,
): Promise<T> => {
  const controller = new AbortController();
  const unlisten = environment.onInterrupt(() => {
    if (controller.signal.aborted) environment.leave(EXIT_BY_SIGINT);
    else controller.abort();
  });
  try {
    return await body(controller.signal);
  } finally {
    unlisten();
  }
};
