/**
 * A session of a test file that makes its own processes: what it made goes after a Ctrl-C too, also when the runner ends this
 * process in the middle of its clean-up.
 */
import { Session, startJanitor } from '@zerofleet/launch';

let hasJanitor = false;

/** A new session; a signal ends it, and then this process as it would have without. */
export const testSession = (): Session => {
  if (!hasJanitor) startJanitor();
  hasJanitor = true;
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
