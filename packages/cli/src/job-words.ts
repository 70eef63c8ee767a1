/** A job's end, in words and as an exit code. */
import { EXIT } from '@zerofleet/model';
import { chunkBytes, type JobView } from '@zerofleet/protocol';
import type { Terminal } from './terminal.js';

/** The exit code of a command that ran the job. */
export const exitOf = ({ stage }: JobView): number => {
  switch (stage) {
    case 'succeeded':
      return EXIT.ok;
    case 'expired':
      return EXIT.expired;
    case 'cancelled':
      return EXIT.cancelled;
    case 'timed_out':
      return EXIT.timedOut;
    case 'failed':
      return EXIT.jobFailed;
    case 'queued':
    case 'running':
      return EXIT.unavailable;
  }
};

/** One line that says how the job stands. */
export const standing = (job: JobView): string => {
  const used = job.usage === null ? '' : ` in ${Math.round(job.usage.wallMs)} ms`;
  const told = job.exitCode === null || job.exitCode === 0 || job.error !== null;
  const exit = told ? '' : `, exit code ${job.exitCode}`;
  const why = job.error === null || job.stage === 'cancelled' ? '' : `: ${job.error.message}`;
  return `job ${job.id} ${job.stage.replace('_', ' ')}${used}${exit}${why}`;
};

/** Writes the output of a finished job, each stream to its own. */
export const writeOutput = async (terminal: Terminal, job: JobView): Promise<void> => {
  for (const chunk of job.output?.chunks ?? []) await terminal.write(chunk.stream, chunkBytes(chunk));
};
