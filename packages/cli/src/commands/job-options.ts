/** What `run` and `submit` share: how a job is written on the command line. */
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { BODY_BYTES_MAX } from '@zerofleet/model';
import { CLASS_NAMES } from '@zerofleet/protocol';
import type { Command } from 'commander';
import { collect } from '../context.js';
import { UsageError } from '../failure.js';
import { RETRY_CAUSES } from '../job-input.js';

/** Adds the tool, its arguments and what a job is like, whenever it is submitted. */
export const withToolOptions = (command: Command): Command =>
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
    .option(
      '--collect <path>',
      "keep this file or folder of the work directory, '.' for all; repeat it for several",
      collect,
    )
    .option('--timeout <duration>', 'execution time at most, such as 60s')
    .option('--max-attempts <n>', 'how often the job may be started; 1 never starts it twice')
    .option(
      '--retry-on <cause>',
      `try again after this end of an attempt: ${RETRY_CAUSES.join(', ')}; repeat it for several`,
      collect,
    )
    .option('--runtime <name>', "the argument 'runtime' of code_execution: terminal, python or nodejs")
    .option('--code <text>', "the argument 'code'; '-' reads it from stdin")
    .option('--class <class>', `how soon it runs: ${CLASS_NAMES.join(', ')}`)
    .option('--session <name>', 'your jobs of one session run one after the other, in order');

/** The same, and the options of a submission that is made now. */
export const withJobOptions = (command: Command): Command =>
  withToolOptions(command)
    .option('--delay <duration>', 'start it so long from now at the earliest')
    .option('--run-at <time>', 'start it at this time at the earliest, such as 2030-01-31T12:00:00Z')
    .option('--deadline <duration>', 'end it as expired when it was not started so long from now')
    .option('--idempotency-key <key>', 'within 24 h the same job with the same key is submitted once');

/** All of stdin as text. Throws UsageError when it is none, or over the limit of a submission. */
export const readAll = async (stdin: Readable): Promise<string> => {
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of stdin as AsyncIterable<Buffer>) {
    total += piece.byteLength;
    if (total > BODY_BYTES_MAX)
      throw new UsageError(`stdin is over the limit of ${BODY_BYTES_MAX} bytes; send less code`);
    pieces.push(piece);
  }
  return textOf(Buffer.concat(pieces), 'stdin');
};

/** `bytes` as text, none of them replaced. Throws UsageError naming `what` when they are not UTF-8. */
export const textOf = (bytes: Buffer, what: string): string => {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new UsageError(`${what} is not UTF-8 text; encode it first, for example as base64`);
};
