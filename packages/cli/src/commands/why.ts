/** `zerofleet why`: why a job waits, and for how long yet. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { whyTable } from '../control-tables.js';

export const addWhy: AddCommand = (program, act) => {
  program
    .command('why')
    .description('show why a job waits, and for how long it is likely to')
    .argument('<id>', "the job's id")
    .action(act(why));
};

const why = async ({ client, terminal, json }: CommandContext, id: string): Promise<number> => {
  const view = await client.why(id);
  await (json ? terminal.printJson(view) : terminal.print(whyTable(view)));
  return EXIT.ok;
};
