/** Every way a command can fail, as one line and an exit code. */
import { EXIT, PROBLEMS, type ProblemCode } from '@zerofleet/model';
import {
  BadOptionError,
  CreationAmbiguousError,
  DownloadBrokenError,
  ProblemError,
  StreamBrokenError,
  SubmissionAmbiguousError,
  UnexpectedAnswerError,
  UnreachableError,
} from '@zerofleet/sdk';
import { CommanderError } from 'commander';

/** The call itself was wrong; `message` says what was wrong and what to do. */
export class UsageError extends Error {
  readonly code = 'usage';
}

/** What was asked for is not there. */
export class NotFoundError extends Error {
  readonly code = 'not_found';
}

export interface Failure {
  /** What was wrong; what to do. */
  readonly line: string;
  readonly exit: number;
}

/** What `error` means for a person and for a script. */
export const failureOf = (error: unknown): Failure => {
  if (error instanceof UsageError || error instanceof BadOptionError)
    return { line: error.message, exit: EXIT.usage };
  if (error instanceof NotFoundError) return { line: error.message, exit: EXIT.notFound };
  if (error instanceof CommanderError) return { line: usageLine(error), exit: EXIT.usage };
  if (error instanceof ProblemError) return { line: problemLine(error), exit: problemExit(error) };
  if (error instanceof SubmissionAmbiguousError)
    return { line: ambiguousLine(error), exit: EXIT.unavailable };
  if (error instanceof CreationAmbiguousError)
    return {
      line: `${error.message}; look for it with 'zerofleet keys list', and revoke it before you make another`,
      exit: EXIT.unavailable,
    };
  if (error instanceof UnreachableError)
    return {
      line: `${error.message}; check --url or ZEROFLEET_URL, and that the fleet runs`,
      exit: EXIT.unavailable,
    };
  if (error instanceof DownloadBrokenError)
    return { line: `${error.message}; try it again`, exit: EXIT.unavailable };
  if (error instanceof StreamBrokenError)
    return {
      line: `${error.message}; the job goes on, read it again with 'zerofleet logs'`,
      exit: EXIT.unavailable,
    };
  if (error instanceof UnexpectedAnswerError)
    return { line: `${error.message}; is this the tenant API? check --url`, exit: EXIT.unavailable };
  return { line: `${messageOf(error)}; this is a bug, please report it`, exit: EXIT.internal };
};

const usageLine = ({ code, message }: CommanderError): string => {
  const what = code === 'commander.help' ? 'no command was given' : message.replace(/^error: /, '');
  return `${what}; see 'zerofleet --help'`;
};

const ADVICE: Partial<Record<string, string>> = {
  unauthorized: 'check ZEROFLEET_API_KEY or --key-file',
  idempotency_conflict: 'check --idempotency-key',
  forbidden: 'check which key is used: ZEROFLEET_API_KEY or --key-file',
  unknown_secret: "see 'zerofleet secrets list'",
  unknown_tool: "see 'zerofleet tools'",
  invalid_arguments: "see 'zerofleet tools NAME' for what it takes",
};

const problemLine = ({ message, code, problem }: ProblemError): string => {
  const where = problem.errors
    ?.filter(({ message: what }) => !message.includes(what))
    .map(({ path, message: what }) => `${path} ${what}`)
    .join(', ');
  const detail = where === undefined || where === '' ? message : `${trimmed(message)} (${where})`;
  const advice = ADVICE[code];
  return advice === undefined ? detail : `${trimmed(detail)}; ${advice}`;
};

const trimmed = (sentence: string): string => sentence.replace(/[.\s]+$/, '');

/** A code of a newer server goes by its status. */
const problemExit = ({ code, status }: ProblemError): number => {
  if (Object.hasOwn(PROBLEMS, code)) return PROBLEMS[code as ProblemCode].exit;
  if (status === 401 || status === 403) return EXIT.unauthorized;
  if (status === 404) return EXIT.notFound;
  return status >= 500 ? EXIT.unavailable : EXIT.usage;
};

const ambiguousLine = ({ message, jobId }: SubmissionAmbiguousError): string =>
  jobId === undefined
    ? `${message}; sending it again may run it twice, unless both carry the same --idempotency-key`
    : `${message}; ask with 'zerofleet get ${jobId}' before sending it again`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
