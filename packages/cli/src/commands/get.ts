/** `zerofleet get`: a job as it stands. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { parseDuration } from '../duration.js';
import { jobTable } from '../tables.js';

export const addGet: AddCommand = (program, act) => {
  program
    .command('get')
    .description('show a job as it stands')
    .argument('<id>', "the job's id")
    .option('--wait <duration>', 'wait so long for its outcome, such as 30s')
    .action(act(get));
};

const get = async (
  { client, terminal, json }: CommandContext,
  id: string,
  options: { wait?: string },
): Promise<number> => {
  const job =
    options.wait === undefined
      ? await client.get(id)
      : await client.wait(id, { timeoutMs: parseDuration('--wait', options.wait) });
  await (json ? terminal.printJson(job) : terminal.print(jobTable(job)));
  return EXIT.ok;
};
