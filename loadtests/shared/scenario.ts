/** The frame of every scenario and bench: a session that takes away what was made, one line for an error, the exit code. */
import { Session } from '@zerofleet/launch';
import { OptionError } from './options.js';
import { fail } from './output.js';

/** Runs `body` and exits with its code: 1 when the run broke, 2 when the call was wrong, 130 after Ctrl-C. */
export const runScenario = async (body: (session: Session) => Promise<number>): Promise<void> => {
  const session = new Session();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => session.interrupt(signal));
  try {
    process.exitCode = await body(session);
  } catch (error) {
    fail(error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error));
    process.exitCode = session.signal.aborted ? 130 : error instanceof OptionError ? 2 : 1;
  } finally {
    await session.close();
  }
};
