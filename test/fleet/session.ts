/** A session of a test file that makes its own processes: what it made goes after a Ctrl-C too. */
import { Session } from '@zerofleet/launch';

/** A new session; a signal ends it, and then this process as it would have without. */
export const testSession = (): Session => {
  const session = new Session();
  const onSignal = (signal: NodeJS.Signals): void => {
    session.interrupt(signal);
    // By then the listener is gone, so that the signal does what it does to any process.
    void session.close().then(() => process.kill(process.pid, signal));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return session;
};
