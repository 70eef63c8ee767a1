/**
 * A session of a test file that makes its own processes: what it made goes after a Ctrl-C too, also when the runner ends this
 * process in the middle of its clean-up.
 */
import { Session, startJanitor } from '@zerofleet/launch';

/** Every session of this process; one that is closed stays so. */
const sessions: Session[] = [];

/** A new session; a signal ends all of them, and then this process as it would have without. */
export const testSession = (): Session => {
  if (sessions.length === 0) watch();
  const session = new Session();
  sessions.push(session);
  return session;
};

const watch = (): void => {
  startJanitor();
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const session of sessions) session.interrupt(signal);
    // By then the listener is gone, so that the signal does what it does to any process.
    void Promise.all(sessions.map((session) => session.close())).then(() =>
      process.kill(process.pid, signal),
    );
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
};
