/** What the SDK throws. Every error carries a stable `code`; a caller's own abort is thrown as its signal's reason. */
import type { Problem } from '@zerofleet/protocol';

/** Codes of the SDK's own errors; a ProblemError carries the problem document's code instead. */
export type SdkErrorCode =
  | 'unreachable'
  | 'submission_ambiguous'
  | 'creation_ambiguous'
  | 'unexpected_answer'
  | 'stream_broken'
  | 'download_broken'
  | 'bad_option';

/** Base of everything below. */
export abstract class ZerofleetError extends Error {
  abstract readonly code: string;
}

/** The fleet answered, and said no. */
export class ProblemError extends ZerofleetError {
  override readonly name = 'ProblemError';
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  readonly problem: Problem;
  /** When a repeat may work, in ms; undefined where the answer does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, retryAfterMs: number | undefined) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No URL could be reached within the retry budget. Nothing was accepted by this call. */
export class UnreachableError extends ZerofleetError {
  override readonly name = 'UnreachableError';
  readonly code = 'unreachable' satisfies SdkErrorCode;
  readonly urls: readonly string[];

  constructor(urls: readonly string[], cause: unknown) {
    super(`${urls.join(', ')} cannot be reached: ${wordsOf(cause)}`, { cause });
    this.urls = urls;
  }
}

/**
 * The submission was sent and no answer says whether it was accepted: the job may run. To send it again is safe with the same
 * idempotency key only, which the SDK has done for as long as its retry budget let it.
 */
export class SubmissionAmbiguousError extends ZerofleetError {
  override readonly name = 'SubmissionAmbiguousError';
  readonly code = 'submission_ambiguous' satisfies SdkErrorCode;
  /** The id under which the job will be found if it was accepted; undefined where no answer named one. */
  readonly jobId: string | undefined;

  constructor(detail: string, jobId: string | undefined, cause: unknown) {
    super(`the job may or may not have been accepted: ${detail}`, { cause });
    this.jobId = jobId;
  }
}

/**
 * What was to be made was sent, and no answer says whether it was made: a new key may be there that nobody was shown. It was
 * not sent again, since that would make another one.
 */
export class CreationAmbiguousError extends ZerofleetError {
  override readonly name = 'CreationAmbiguousError';
  readonly code = 'creation_ambiguous' satisfies SdkErrorCode;

  constructor(detail: string, cause: unknown) {
    super(`it may or may not have been made: ${detail}`, { cause });
  }
}

/** What answered does not speak the tenant API. */
export class UnexpectedAnswerError extends ZerofleetError {
  override readonly name = 'UnexpectedAnswerError';
  readonly code = 'unexpected_answer' satisfies SdkErrorCode;
  readonly url: string;
  /** HTTP status. */
  readonly status: number;

  constructor(url: string, status: number, detail: string) {
    super(`${url} answered ${status} and ${detail}`);
    this.url = url;
    this.status = status;
  }
}

/** A job's event stream broke so often that it was given up; `lastEventId` is where another call goes on. */
export class StreamBrokenError extends ZerofleetError {
  override readonly name = 'StreamBrokenError';
  readonly code = 'stream_broken' satisfies SdkErrorCode;
  readonly lastEventId: string | undefined;

  constructor(detail: string, lastEventId: string | undefined, cause: unknown) {
    super(`the event stream was given up: ${detail}`, { cause });
    this.lastEventId = lastEventId;
  }
}

/** A file did not come whole: what was read of it is not to be relied on. Another download may go well. */
export class DownloadBrokenError extends ZerofleetError {
  override readonly name = 'DownloadBrokenError';
  readonly code = 'download_broken' satisfies SdkErrorCode;

  constructor(detail: string, cause: unknown) {
    super(`the file did not come whole: ${detail}`, { cause });
  }
}

/** The caller's own mistake: an option that cannot work. */
export class BadOptionError extends ZerofleetError {
  override readonly name = 'BadOptionError';
  readonly code = 'bad_option' satisfies SdkErrorCode;
}

/** The innermost reason of a failed fetch, in words. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return wordsOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (error.message === '') return code ?? error.name;
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
};
