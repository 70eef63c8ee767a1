/** `zerofleet submit`: hands a job in and prints its id. */
import { EXIT } from '@zerofleet/model';
import type { Submit } from '@zerofleet/protocol';
import type { SubmitOptions } from '@zerofleet/sdk';
import type { AddCommand, CommandContext } from '../context.js';
import { keyOf, submissionOf, type JobOptions } from '../job-input.js';
import { readAll, withJobOptions } from './job-options.js';

export const addSubmit: AddCommand = (program, act) => {
  withJobOptions(program.command('submit').description('hand a job in and print its id')).action(act(submit));
};

const submit = async (
  context: CommandContext,
  tool: string,
  words: readonly string[],
  options: JobOptions,
): Promise<number> => {
  const job = await submissionOf(tool, words, options, () => readAll(context.environment.stdin));
  return submitAndPrint(context, job, keyOf(options));
};

/** Submits and prints the id, or the job as JSON. */
export const submitAndPrint = async (
  { client, terminal, json }: CommandContext,
  job: Submit,
  options: SubmitOptions,
): Promise<number> => {
  const view = await client.submit(job, options);
  await (json ? terminal.printJson(view) : terminal.print(view.id));
  return EXIT.ok;
};
