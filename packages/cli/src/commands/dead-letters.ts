/** `zerofleet dead-letters`: jobs that used up their attempts, to be looked at and submitted again. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { UsageError } from '../failure.js';
import { lettersTable } from '../tables.js';

interface ListOptions {
  readonly limit?: string;
  readonly after?: string;
}

export const addDeadLetters: AddCommand = (program, act) => {
  const group = program
    .command('dead-letters')
    .description('jobs that used up their attempts')
    .helpCommand(false);
  group
    .command('list')
    .description('list them, oldest first')
    .option('--limit <n>', 'so many at most, up to 100')
    .option('--after <n>', 'go on where an earlier list ended')
    .action(act(list));
  group
    .command('redrive')
    .description('submit one again as a new job, and print the id of that')
    .argument('<id>', "the dead letter's id")
    .action(act(redrive));
};

const list = async (
  { client, terminal, json }: CommandContext,
  { limit, after }: ListOptions,
): Promise<number> => {
  const page = await client.deadLetters({
    ...(limit === undefined ? {} : { limit: countOf('--limit', limit) }),
    ...(after === undefined ? {} : { after: countOf('--after', after) }),
  });
  await (json ? terminal.printJson(page) : terminal.print(lettersTable(page.letters)));
  if (!json && page.next !== null) await terminal.note(`there are more; go on with --after ${page.next}`);
  return EXIT.ok;
};

const redrive = async ({ client, terminal, json }: CommandContext, id: string): Promise<number> => {
  const job = await client.redrive(id);
  await (json ? terminal.printJson(job) : terminal.print(job.id));
  return EXIT.ok;
};

const countOf = (option: string, text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`${option} is '${text}'; give a whole number`);
};
