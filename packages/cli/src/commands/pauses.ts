/** `zerofleet pause`, `resume`, `pauses`: stop starts of a tenant's, a tool's, a class's or all jobs. Takes an operator's key. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { pausesTable } from '../control-tables.js';
import { UsageError } from '../failure.js';

const KINDS = ['class', 'tool', 'tenant'] as const;
const TARGETS = 'fleet, class NAME, tool NAME or tenant NAME';

export const addPauses: AddCommand = (program, act) => {
  program
    .command('pause')
    .description('start nothing more of it; what runs goes on')
    .argument('<target...>', TARGETS)
    .option('--reason <text>', 'why, for others to read')
    .action(act(pause));
  program
    .command('resume')
    .description('start it again')
    .argument('<target...>', TARGETS)
    .action(act(resume));
  program.command('pauses').description('list what is paused').action(act(list));
};

/** The target as the API names it. */
const targetOf = (words: readonly string[]): string => {
  const [kind, name, ...more] = words;
  if (kind === 'fleet' && name === undefined) return 'fleet';
  const known = KINDS.find((one) => one === kind);
  if (known !== undefined && name !== undefined && more.length === 0) return `${known}.${name}`;
  throw new UsageError(`'${words.join(' ')}' cannot be paused; give ${TARGETS}`);
};

const pause = async (
  { client, terminal, json }: CommandContext,
  words: readonly string[],
  { reason }: { readonly reason?: string },
): Promise<number> => {
  const view = await client.admin.pause(targetOf(words), reason);
  if (json) await terminal.printJson(view);
  return EXIT.ok;
};

const resume = async ({ client }: CommandContext, words: readonly string[]): Promise<number> => {
  await client.admin.resume(targetOf(words));
  return EXIT.ok;
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.admin.pauses();
  await (json ? terminal.printJson(view) : terminal.print(pausesTable(view.pauses)));
  return EXIT.ok;
};
