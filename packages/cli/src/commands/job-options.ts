/** What `run` and `submit` share: how a job is written on the command line. */
import type { Readable } from 'node:stream';
import { BODY_BYTES_MAX } from '@zerofleet/model';
import type { Command } from 'commander';
import { collect } from '../context.js';
import { UsageError } from '../failure.js';

/** Adds the tool, its arguments and the options of a submission. */
export const withJobOptions = (command: Command): Command =>
  command
    .argument('<tool>', "a tool's name, as in 'zerofleet tools'")
    .argument(
      '[arguments...]',
      "one JSON object, or key=value (text) and key:=JSON; '-' reads the code from stdin",
    )
    .option(
      '--file <path[=name]>',
      'put a file into the work directory first; repeat it for several',
      collect,
    )
    .option('--timeout <duration>', 'execution time at most, such as 60s')
    .option('--max-attempts <n>', 'how often the job may be started; 1 never starts it twice')
    .option('--runtime <name>', "the argument 'runtime' of code_execution: terminal, python or nodejs")
    .option('--code <text>', "the argument 'code'; '-' reads it from stdin");

/** All of stdin as text. Throws UsageError when it is over the limit of a submission. */
export const readAll = async (stdin: Readable): Promise<string> => {
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of stdin as AsyncIterable<Buffer>) {
    total += piece.byteLength;
    if (total > BODY_BYTES_MAX)
      throw new UsageError(`stdin is over the limit of ${BODY_BYTES_MAX} bytes; send less code`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
};
