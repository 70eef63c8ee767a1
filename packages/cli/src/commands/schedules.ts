/** `zerofleet schedules`: jobs that are submitted by the clock. */
import { EXIT } from '@zerofleet/model';
import type { MissedRuns, Schedule, ScheduleView } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { schedulesTable } from '../control-tables.js';
import { UsageError } from '../failure.js';
import { submissionOf, type JobOptions } from '../job-input.js';
import { readAll, withToolOptions } from './job-options.js';

interface SetOptions extends JobOptions {
  readonly cron: string;
  readonly zone?: string;
  readonly missed?: string;
  readonly disabled?: boolean;
}

const MISSED: readonly MissedRuns[] = ['skip', 'once', 'all'];

export const addSchedules: AddCommand = (program, act) => {
  const group = program
    .command('schedules')
    .description('jobs that are submitted by the clock')
    .helpCommand(false);
  group.command('list').description('list them').action(act(list));
  group.command('show').description('show one').argument('<name>').action(act(show));
  const setting = group
    .command('set')
    .description('set one; runs that an earlier one planned are taken back')
    .argument('<name>', '1-63 characters of a-z 0-9 -')
    .requiredOption('--cron <fields>', "five fields: minute hour day month weekday, such as '0 3 * * 1-5'")
    .option('--zone <zone>', 'IANA time zone such as Europe/Berlin; UTC where it is not given')
    .option(
      '--missed <policy>',
      `runs that nobody could make in time: ${MISSED.join(', ')}; once where not given`,
    )
    .option('--disabled', 'set it, and run nothing yet');
  withToolOptions(setting).action(act(set));
  group.command('enable').description('run it').argument('<name>').action(act(enable));
  group.command('disable').description('run it no more').argument('<name>').action(act(disable));
  group.command('delete').description('delete one').argument('<name>').action(act(remove));
};

const print = async ({ terminal, json }: CommandContext, view: ScheduleView): Promise<number> => {
  await (json ? terminal.printJson(view) : terminal.print(schedulesTable([view])));
  return EXIT.ok;
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.settings.schedules();
  await (json ? terminal.printJson(view) : terminal.print(schedulesTable(view.schedules)));
  return EXIT.ok;
};

const show = async (context: CommandContext, name: string): Promise<number> =>
  print(context, await context.client.settings.schedule(name));

const set = async (
  context: CommandContext,
  name: string,
  tool: string,
  words: readonly string[],
  options: SetOptions,
): Promise<number> => {
  const { cron, zone, missed, disabled } = options;
  const job = await submissionOf(tool, words, options, () => readAll(context.environment.stdin));
  const schedule: Schedule = {
    cron,
    ...(zone === undefined ? {} : { zone }),
    ...(missed === undefined ? {} : { missed: missedOf(missed) }),
    ...(disabled === true ? { enabled: false } : {}),
    job,
  };
  return print(context, await context.client.settings.setSchedule(name, schedule));
};

const missedOf = (text: string): MissedRuns => {
  const policy = MISSED.find((one) => one === text);
  if (policy !== undefined) return policy;
  throw new UsageError(`--missed is '${text}'; give one of ${MISSED.join(', ')}`);
};

const turn = async (context: CommandContext, name: string, enabled: boolean): Promise<number> => {
  const { settings } = context.client;
  const { cron, zone, missed, job } = await settings.schedule(name);
  return print(context, await settings.setSchedule(name, { cron, zone, missed, enabled, job }));
};

const enable = (context: CommandContext, name: string): Promise<number> => turn(context, name, true);
const disable = (context: CommandContext, name: string): Promise<number> => turn(context, name, false);

const remove = async ({ client }: CommandContext, name: string): Promise<number> => {
  await client.settings.deleteSchedule(name);
  return EXIT.ok;
};
