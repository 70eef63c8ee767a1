/** `zerofleet workers`: who runs the jobs. Takes an operator's key. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { workersTable, workerText } from '../fleet-tables.js';

export const addWorkers: AddCommand = (program, act) => {
  const group = program
    .command('workers')
    .description("who runs the jobs (takes an operator's key)")
    .helpCommand(false);
  group.command('list', { isDefault: true }).description('list them').action(act(list));
  group
    .command('show')
    .description('show one with its pools and the jobs that it holds')
    .argument('<id>')
    .action(act(show));
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.admin.workers();
  await (json ? terminal.printJson(view) : terminal.print(workersTable(view.workers)));
  return EXIT.ok;
};

const show = async ({ client, terminal, json }: CommandContext, id: string): Promise<number> => {
  const view = await client.admin.worker(id);
  await (json ? terminal.printJson(view) : terminal.print(workerText(view)));
  return EXIT.ok;
};
