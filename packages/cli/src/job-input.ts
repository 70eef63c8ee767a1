/** A submission from what stands on the command line. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { JsonObject, JsonValue, PriorityClass, RetryCause } from '@zerofleet/model';
import { BODY_BYTES_MAX, INPUT_FILES_MAX } from '@zerofleet/model';
import { CLASS_NAMES, type Submit } from '@zerofleet/protocol';
import { isUtf8 } from 'node:buffer';
import { parseDuration } from './duration.js';
import { UsageError } from './failure.js';

export interface JobOptions {
  readonly file?: string[];
  readonly collect?: string[];
  readonly timeout?: string;
  readonly maxAttempts?: string;
  readonly delay?: string;
  readonly runAt?: string;
  readonly deadline?: string;
  readonly retryOn?: string[];
  readonly idempotencyKey?: string;
  readonly class?: string;
  readonly session?: string;
  readonly runtime?: string;
  readonly code?: string;
}

/** What stands for "read it from stdin". */
const STDIN = '-';

/** The submission; `readStdin` is called once at most. Throws UsageError. */
export const submissionOf = async (
  tool: string,
  words: readonly string[],
  options: JobOptions,
  readStdin: () => Promise<string>,
): Promise<Submit> => {
  const given = argumentsOf(words.filter((word) => word !== STDIN));
  const code = words.includes(STDIN) ? STDIN : options.code;
  const args: JsonObject = {
    ...given,
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    ...(code === undefined ? {} : { code: code === STDIN ? await readStdin() : code }),
  };
  const files = filesOf(options.file ?? []);
  return {
    tool,
    arguments: args,
    ...(files.length === 0 ? {} : { files }),
    ...(options.collect === undefined ? {} : { collect: options.collect }),
    ...(options.timeout === undefined ? {} : { timeoutMs: parseDuration('--timeout', options.timeout) }),
    ...(options.maxAttempts === undefined ? {} : { maxAttempts: attemptsOf(options.maxAttempts) }),
    ...(options.class === undefined ? {} : { class: classOf(options.class) }),
    ...(options.session === undefined ? {} : { session: options.session }),
    ...timesOf(options),
    ...(options.retryOn === undefined ? {} : { retry: { on: causesOf(options.retryOn) } }),
  };
};

const classOf = (text: string): PriorityClass => {
  const found = CLASS_NAMES.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UsageError(`--class is '${text}'; give one of ${CLASS_NAMES.join(', ')}`);
};

/** What goes beside the job: its idempotency key, where one is given. */
export const keyOf = ({ idempotencyKey }: JobOptions): { readonly idempotencyKey?: string } =>
  idempotencyKey === undefined ? {} : { idempotencyKey };

const timesOf = ({
  delay,
  runAt,
  deadline,
}: JobOptions): Pick<Submit, 'delayMs' | 'runAt' | 'deadlineMs'> => {
  if (delay !== undefined && runAt !== undefined)
    throw new UsageError('--delay and --run-at were both given; give one of them');
  return {
    ...(delay === undefined ? {} : { delayMs: parseDuration('--delay', delay) }),
    ...(runAt === undefined ? {} : { runAt }),
    ...(deadline === undefined ? {} : { deadlineMs: parseDuration('--deadline', deadline) }),
  };
};

/** Ends of an attempt that may be tried again. */
export const RETRY_CAUSES = [
  'tool_error',
  'killed',
  'container_lost',
  'start_failed',
  'timed_out',
] as const satisfies readonly RetryCause[];

/** Each once, comma-separated or one after the other. */
const causesOf = (texts: readonly string[]): RetryCause[] => {
  const causes = texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const cause = RETRY_CAUSES.find((one) => one === text.trim());
      if (cause !== undefined) return cause;
      throw new UsageError(`--retry-on is '${text}'; give one of ${RETRY_CAUSES.join(', ')}`);
    });
  return [...new Set(causes)];
};

/** One JSON object, or `key=value` (text) and `key:=value` (JSON) in any number. */
const argumentsOf = (words: readonly string[]): JsonObject => {
  const [first] = words;
  if (first?.trimStart().startsWith('{') === true) {
    if (words.length > 1) throw new UsageError(`'${words[1]}' follows a JSON object; put it into the object`);
    return objectOf(first);
  }
  const entries = words.map((word): [string, JsonValue] => {
    const match = /^([^=:]+)(:?=)(.*)$/s.exec(word);
    if (match === null)
      throw new UsageError(`'${word}' is no argument; write key=value, key:=JSON or one JSON object`);
    const [, key = '', sign, value = ''] = match;
    return [key, sign === '=' ? value : jsonOf(value, `the value of '${key}'`)];
  });
  const doubled = entries.find(([key], index) => entries.findIndex(([other]) => other === key) !== index);
  if (doubled !== undefined) throw new UsageError(`'${doubled[0]}' is given twice; give it once`);
  return Object.fromEntries(entries);
};

const jsonOf = (text: string, what: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new UsageError(`${what} is not valid JSON; mind the shell's quotes`);
  }
};

const objectOf = (text: string): JsonObject => {
  const value = jsonOf(text, 'the arguments object');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new UsageError('the arguments must be a JSON object');
};

const attemptsOf = (text: string): number => {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new UsageError(`--max-attempts is '${text}'; give a whole number`);
};

/** `path` or `path=name`: `name` is the path in the work directory. */
const filesOf = (specs: readonly string[]): NonNullable<Submit['files']> => {
  if (specs.length > INPUT_FILES_MAX) throw new UsageError(`a job takes ${INPUT_FILES_MAX} files at most`);
  let total = 0;
  return specs.map((spec) => {
    const mark = spec.lastIndexOf('=');
    const path = mark < 0 ? spec : spec.slice(0, mark);
    const name = mark < 0 ? basename(path) : spec.slice(mark + 1);
    const bytes = bytesOf(path);
    total += bytes.byteLength;
    if (total > BODY_BYTES_MAX)
      throw new UsageError(`the files are over the limit of ${BODY_BYTES_MAX} bytes with ${path}`);
    return isUtf8(bytes)
      ? { path: name, encoding: 'utf8', data: bytes.toString('utf8') }
      : { path: name, encoding: 'base64', data: bytes.toString('base64') };
  });
};

const bytesOf = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`the file ${path} cannot be read (${why}); --file takes PATH or PATH=NAME`);
  }
};
