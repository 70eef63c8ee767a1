/** `zerofleet tools`: what there is to run. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { NotFoundError } from '../failure.js';
import { toolsTable, toolTable } from '../tables.js';

export const addTools: AddCommand = (program, act) => {
  program
    .command('tools')
    .description('list the tools, or show one with the arguments it takes')
    .argument('[name]', "a tool's name")
    .action(act(tools));
};

const tools = async (
  { client, terminal, json }: CommandContext,
  name: string | undefined,
): Promise<number> => {
  const all = await client.tools();
  if (name === undefined) {
    await (json ? terminal.printJson(all) : terminal.print(toolsTable(all)));
    return EXIT.ok;
  }
  const tool = all.find((one) => one.name === name);
  if (tool === undefined) throw new NotFoundError(`there is no tool '${name}'; see 'zerofleet tools'`);
  await (json ? terminal.printJson(tool) : terminal.print(toolTable(tool)));
  return EXIT.ok;
};
