/** `zerofleet submit`: hands a job in and prints its id. */
import { EXIT } from '@zerofleet/model';
import type { Submit } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { submissionOf, type JobOptions } from '../job-input.js';
import { readAll, withJobOptions } from './job-options.js';

export const addSubmit: AddCommand = (program, act) => {
  withJobOptions(program.command('submit').description('hand a job in and print its id')).action(act(submit));
};

const submit = async (
  context: CommandContext,
  tool: string,
  words: readonly string[],
  options: JobOptions,
): Promise<number> =>
  submitAndPrint(context, await submissionOf(tool, words, options, () => readAll(context.environment.stdin)));

/** Submits and prints the id, or the job as JSON. */
export const submitAndPrint = async (
  { client, terminal, json }: CommandContext,
  job: Submit,
): Promise<number> => {
  const view = await client.submit(job);
  await (json ? terminal.printJson(view) : terminal.print(view.id));
  return EXIT.ok;
};
