/** The producer's process: submits jobs and hears of their outcomes. Only its own system's code is loaded. */
import type { Listener, QueueClient, Role } from './client.js';
import { Drive } from './drive.js';
import { serveTasks } from './task.js';

const open = async (role: Role, listener: Listener): Promise<QueueClient> => {
  switch (role.system) {
    case 'zerofleet':
      return (await import('./zerofleet.js')).openZerofleet(role, listener);
    case 'bullmq':
      return (await import('./bullmq.js')).openBullmq(role, listener);
    case 'jetstream':
      return (await import('./jetstream.js')).openJetstream(role, listener);
  }
};

const drive = new Drive();
let client: QueueClient | undefined;

serveTasks(async (task) => {
  if (task.kind === 'start') {
    client = await open(task.role, drive);
    return null;
  }
  if (client === undefined) throw new Error('the producer was not started');
  return task.kind === 'closed' ? drive.closed(client, task) : drive.open(client, task);
});
