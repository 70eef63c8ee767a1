/** `zerofleet status`: the fleet, and the caller's own jobs. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { statusTable } from '../tables.js';

export const addStatus: AddCommand = (program, act) => {
  program
    .command('status')
    .description('show the fleet and how many jobs of yours it holds')
    .action(act(status));
};

const status = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.status();
  await (json ? terminal.printJson(view) : terminal.print(statusTable(view)));
  return EXIT.ok;
};
