/** A peer's worker process. Zerofleet's own is the no-op worker of the testkit, which speaks its whole protocol. */
import { serveTasks } from './task.js';

serveTasks(async (task) => {
  if (task.kind !== 'start') throw new Error(`a worker does not know '${task.kind}'`);
  if (task.role.system === 'bullmq') await (await import('./bullmq.js')).workBullmq(task.role);
  else await (await import('./jetstream.js')).workJetstream(task.role);
  return null;
});
