/**
 * `zerofleet run`: submits a job, shows its output as it is written, and ends as the job does.
 *
 * N1  The first Ctrl-C, or a reader of stdout who leaves, cancels the job; its outcome is waited for all the same.
 * N2  The submission itself is not interrupted: a job must not be left running with nobody knowing its id.
 */
import {
  FINAL_STAGES,
  chunkBytes,
  type JobStreamEvent,
  type JobView,
  type Submit,
} from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { failureOf } from '../failure.js';
import { withInterrupt } from '../interrupt.js';
import { keyOf, submissionOf, type JobOptions } from '../job-input.js';
import { exitOf, standing } from '../job-words.js';
import { readAll, withJobOptions } from './job-options.js';
import { submitAndPrint } from './submit.js';

interface RunOptions extends JobOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

export const addRun: AddCommand = (program, act) => {
  withJobOptions(
    program.command('run').description('run a tool, show its output as it comes, exit as the job does'),
  )
    .option('--detach', 'print the job id and leave; the same as submit')
    .option('-q, --quiet', "print the job's own output only")
    .action(act(run));
};

const run = async (
  context: CommandContext,
  tool: string,
  words: readonly string[],
  options: RunOptions,
): Promise<number> => {
  const { environment } = context;
  const submit = await submissionOf(tool, words, options, () => readAll(environment.stdin));
  if (options.detach === true) return submitAndPrint(context, submit, keyOf(options));
  return withInterrupt(environment, (interrupted) => runJob(context, submit, options, interrupted));
};

const runJob = async (
  context: CommandContext,
  submit: Submit,
  options: RunOptions,
  interrupted: AbortSignal,
): Promise<number> => {
  const { client, terminal } = context;
  const { id } = await client.submit(submit, keyOf(options));
  const stop = AbortSignal.any([interrupted, terminal.readerLeft]);
  let cancelling: Promise<void> | undefined;
  const cancel = (): void => {
    cancelling = cancelJob(context, id);
  };
  if (stop.aborted) cancel();
  else stop.addEventListener('abort', cancel, { once: true });
  const job = context.json ? await client.wait(id) : await follow(context, id);
  stop.removeEventListener('abort', cancel);
  await cancelling;
  if (context.json) await terminal.printJson(job);
  else if (options.quiet !== true) {
    if (job.result !== null) await terminal.printJson(job.result);
    await terminal.note(standing(job));
    await noteFiles(context, job);
  } else if (job.stage !== 'succeeded') await terminal.note(standing(job));
  return exitOf(job);
};

/** Where its files are, where it left some. */
const noteFiles = async ({ terminal }: CommandContext, { id, files }: JobView): Promise<void> => {
  if (files !== undefined && files !== null && files.count > 0)
    await terminal.note(`${files.count} files are kept; see 'zerofleet files ${id}'`);
};

const cancelJob = async ({ client, terminal }: CommandContext, id: string): Promise<void> => {
  await terminal.note(`cancelling job ${id}; once more leaves it`);
  try {
    await client.cancel(id);
  } catch (error) {
    await terminal.note(`the cancel did not arrive: ${failureOf(error).line}`);
  }
};

/** Writes the job's output until it is final. */
const follow = async (context: CommandContext, id: string): Promise<JobView> => {
  for await (const event of context.client.events(id)) {
    if (event.type === 'state' && FINAL_STAGES.has(event.job.stage)) return event.job;
    await showEvent(context, event);
  }
  return context.client.wait(id);
};

/** One event of a stream, for people. */
export const showEvent = async ({ terminal }: CommandContext, event: JobStreamEvent): Promise<void> => {
  switch (event.type) {
    case 'output':
      return terminal.write(event.chunk.stream, chunkBytes(event.chunk));
    case 'attempt':
      if (event.attempt > 1) await terminal.note(`attempt ${event.attempt} begins; its output starts anew`);
      return;
    case 'truncated':
      return terminal.note(`the output is over its limit; only the first ${event.bytes} bytes were kept`);
    case 'state':
      return;
  }
};
