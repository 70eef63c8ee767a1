/** `zerofleet dead-letters`: jobs that used up their attempts, to be looked at and submitted again. */
import { setTimeout } from 'node:timers/promises';
import { EXIT } from '@zerofleet/model';
import type { JobView } from '@zerofleet/protocol';
import { ProblemError } from '@zerofleet/sdk';
import type { AddCommand, CommandContext } from '../context.js';
import { UsageError } from '../failure.js';
import { lettersTable } from '../tables.js';

const PAGE = 100;
const MS_PER_S = 1_000;
const RATE_DEFAULT = '10/s';

interface RedriveOptions {
  readonly all?: boolean;
  readonly tool?: string;
  readonly rate?: string;
}

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
    .argument('[id]', "the dead letter's id")
    .option('--all', 'all of them instead, oldest first; prints how many')
    .option('--tool <tool>', 'with --all: of this tool only')
    .option('--rate <n/s>', `with --all: so many a second at most; ${RATE_DEFAULT} where not given`)
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

const redrive = async (
  context: CommandContext,
  id: string | undefined,
  options: RedriveOptions,
): Promise<number> => {
  const { client, terminal, json } = context;
  if ((id === undefined) !== (options.all === true))
    throw new UsageError('give either the id of a dead letter, or --all');
  if (id === undefined) return redriveAll(context, options);
  const unfit = (['tool', 'rate'] as const).find((name) => options[name] !== undefined);
  if (unfit !== undefined) throw new UsageError(`--${unfit} goes with --all; leave it out`);
  const job = await client.redrive(id);
  await (json ? terminal.printJson(job) : terminal.print(job.id));
  return EXIT.ok;
};

/**
 * Page by page, each letter once. A letter of a job that this made itself is left: one that fails each time would be
 * followed for ever.
 */
const redriveAll = async (
  { client, terminal, json }: CommandContext,
  { tool, rate = RATE_DEFAULT }: RedriveOptions,
): Promise<number> => {
  const gapMs = gapOf(rate);
  const made = new Set<string>();
  let after = 0;
  for (let more = true; more;) {
    const { letters, next } = await client.deadLetters({ limit: PAGE, after });
    const wanted = letters.filter((one) => !made.has(one.id) && (tool === undefined || one.tool === tool));
    for (const { id } of wanted) {
      const job = await redriveIfThere(client, id);
      if (job === undefined) continue;
      made.add(job.id);
      await setTimeout(gapMs);
    }
    more = next !== null;
    after = next ?? after;
  }
  const redriven = made.size;
  await (json ? terminal.printJson({ redriven }) : terminal.print(String(redriven)));
  return EXIT.ok;
};

/** The new job; undefined where the letter was just redriven elsewhere. */
const redriveIfThere = (client: CommandContext['client'], id: string): Promise<JobView | undefined> =>
  client.redrive(id).catch((error: unknown) => {
    if (error instanceof ProblemError && error.code === 'not_found') return undefined;
    throw error;
  });

const gapOf = (text: string): number => {
  const [, perSecond] = /^(\d{1,4})\/s$/.exec(text) ?? [];
  if (perSecond !== undefined && Number(perSecond) > 0) return MS_PER_S / Number(perSecond);
  throw new UsageError(`--rate is '${text}'; give a number such as 10/s`);
};

const countOf = (option: string, text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`${option} is '${text}'; give a whole number`);
};
