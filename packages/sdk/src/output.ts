/** A job's output as bytes. */
import { chunkBytes, type JobStreamEvent, type JobView } from '@zerofleet/protocol';

export interface CollectedOutput {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** The attempt that the output is of; 0 when none was started. */
  readonly attempt: number;
  /** Whether the attempt wrote more than its output limit. */
  readonly truncated: boolean;
  /** The job as the stream left it; undefined when it ended before a state came. */
  readonly job: JobView | undefined;
}

/** Reads `events` to their end; keeps the output of the last attempt. */
export const collectOutput = async (events: AsyncIterable<JobStreamEvent>): Promise<CollectedOutput> => {
  let pieces: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  let attempt = 0;
  let truncated = false;
  let job: JobView | undefined;
  for await (const event of events) {
    switch (event.type) {
      case 'state':
        job = event.job;
        break;
      case 'attempt':
        attempt = event.attempt;
        pieces = { stdout: [], stderr: [] };
        truncated = false;
        break;
      case 'output':
        attempt = event.attempt;
        pieces[event.chunk.stream].push(chunkBytes(event.chunk));
        break;
      case 'truncated':
        truncated = true;
        break;
    }
  }
  return {
    stdout: Buffer.concat(pieces.stdout),
    stderr: Buffer.concat(pieces.stderr),
    attempt,
    truncated,
    job,
  };
};
