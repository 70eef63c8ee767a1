/** `zerofleet pools`: warm containers, and how well they do. Takes an operator's key. */
import { EXIT } from '@zerofleet/model';
import type { PoolsView } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { poolsTable } from '../fleet-tables.js';

export const addPools: AddCommand = (program, act) => {
  program
    .command('pools')
    .description("pools of warm containers (takes an operator's key)")
    .option('--worker <id>', 'those of one worker')
    .action(act(show));
};

const show = async (
  { client, terminal, json }: CommandContext,
  { worker }: { readonly worker?: string },
): Promise<number> => {
  const { admin } = client;
  const view: PoolsView =
    worker === undefined ? await admin.pools() : { pools: (await admin.worker(worker)).pools };
  await (json ? terminal.printJson(view) : terminal.print(poolsTable(view.pools)));
  return EXIT.ok;
};
