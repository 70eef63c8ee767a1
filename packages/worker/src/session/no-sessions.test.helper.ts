/** For attempts that belong to no session. */
import type { AttemptTools } from '../attempt/attempt.js';

export const NO_SESSIONS: AttemptTools['sessions'] = {
  enter: () => Promise.resolve(undefined),
  settle: () => Promise.resolve('fresh'),
  mayKeep: () => false,
};
