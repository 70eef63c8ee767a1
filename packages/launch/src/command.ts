/** The frame of every launcher command: signals, clean-up, one line for an error, the exit code. */
import { Interrupted, LaunchError, messageOf } from './errors.js';
import { fail, say } from './output.js';
import { Session } from './session.js';

/** How long a body may take to notice an interrupt before clean-up starts without it. */
const SETTLE_MS = 15_000;

/** Runs `body`, takes everything it made away, and exits with its code; 130 or 143 after a signal. */
export const command = async (body: (session: Session) => Promise<number>): Promise<void> => {
  const session = new Session();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals === 1) {
      say(`\n${signal}: stopping, and taking away what this run made`);
      session.interrupt(signal);
    } else say('still cleaning up; nothing is left behind if you wait');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, onSignal);
  }
  const result = body(session).catch((error: unknown) => session.interruption ?? error);
  const interrupted = new Promise<unknown>((resolve) => {
    session.signal.addEventListener('abort', () => {
      setTimeout(() => resolve(session.interruption), SETTLE_MS).unref();
    });
  });
  const end = await Promise.race([result, interrupted]);
  await session.close();
  const error = session.interruption ?? end;
  if (typeof error === 'number') process.exit(error);
  if (!(error instanceof Interrupted)) fail(messageOf(error));
  process.exit(error instanceof LaunchError ? error.exitCode : 1);
};
