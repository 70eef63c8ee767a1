/** `zerofleet cancel`: asks for a job's end. */
import { EXIT } from '@zerofleet/model';
import { FINAL_STAGES } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { standing } from '../job-words.js';

export const addCancel: AddCommand = (program, act) => {
  program.command('cancel').description('cancel a job').argument('<id>', "the job's id").action(act(cancel));
};

const cancel = async ({ client, terminal, json }: CommandContext, id: string): Promise<number> => {
  const job = await client.cancel(id);
  if (json) await terminal.printJson(job);
  else await terminal.print(FINAL_STAGES.has(job.stage) ? standing(job) : `job ${job.id} is being cancelled`);
  return EXIT.ok;
};
