/**
 * What an answer means for a call: that it has its reply, that it may be tried again, or that it ends. By F1 to F5 of
 * caller.ts.
 */
import { jobIdIn, refusalOf } from './answers.js';
import type { Call } from './caller.js';
import { ProblemError, SubmissionAmbiguousError, type UnexpectedAnswerError } from './errors.js';
import type { Answer, OpenStream } from './exchange.js';

/** Refusals of a submission that say nothing was accepted. */
const NOT_ACCEPTED: ReadonlySet<string> = new Set([
  'no_leader',
  'queue_full',
  'ledger_full',
  'ledger_unavailable',
  'blobs_full',
  'index_rebuilding',
  'upgrading',
  'rate_limited',
  'quota_queued',
  'quota_sessions',
  'quota_stored',
]);
/** Refusals that every coordinator would give: asking the next one at once is no use. */
const FLEET_WIDE: ReadonlySet<string> = new Set([
  'queue_full',
  'ledger_full',
  'blobs_full',
  'index_rebuilding',
  'upgrading',
  'rate_limited',
  'quota_queued',
  'quota_sessions',
  'quota_stored',
]);
/** Statuses of refusals that may be waited out. */
const LATER: ReadonlySet<number> = new Set([429, 503]);
const GATEWAY_TROUBLE: ReadonlySet<number> = new Set([502, 503, 504]);
/** Refusals after which nobody knows whether the call was carried out. */
const UNCLEAR: ReadonlySet<string> = new Set(['controls_unavailable', 'acceptance_unknown']);

/** What a call brought, and which URL gave it. */
export interface Reply<T> {
  readonly url: string;
  readonly answer: T;
}

/** What one URL made of a call: its answer, or why there is none and how to go on. */
export type Try =
  | { readonly kind: 'reply'; readonly reply: Reply<Answer | OpenStream> }
  | {
      readonly kind: 'next';
      readonly error: Error;
      readonly retryAfterMs: number | undefined;
      readonly fleetWide: boolean;
    };

/** Whether a try of a call may have been carried out though no answer says so (F4, F5). */
export class Doubt {
  /** Whether there was such a try. */
  isUnclear = false;
  private last: SubmissionAmbiguousError | undefined;

  /** Remembers an unclear try of a submission; throws it where the call must not be sent again. */
  raise({ repeat }: Call, error: SubmissionAmbiguousError): void {
    if (repeat === 'never') throw error;
    if (error.jobId !== undefined || this.last?.jobId === undefined) this.last = error;
  }

  /** What ends the call: the unclear try where there was one, else `error`. */
  over(error: Error): Error {
    return this.last ?? error;
  }
}

/** What a refusal means for a call. Throws where the call ends with it. */
export const judge = (url: string, call: Call, answer: Answer, doubt: Doubt): Try => {
  const error = refusalOf(url, answer);
  const next = (fleetWide: boolean): Try => ({
    kind: 'next',
    error,
    retryAfterMs: error instanceof ProblemError ? error.retryAfterMs : undefined,
    fleetWide,
  });
  if (call.repeat === 'free') {
    if (doubt.isUnclear && error.code === call.doneWith) return { kind: 'reply', reply: { url, answer } };
    if (!GATEWAY_TROUBLE.has(answer.status)) throw error;
    doubt.isUnclear ||= !(error instanceof ProblemError) || UNCLEAR.has(error.code);
    return next(false);
  }
  const goesOn = error.code !== call.endsWith;
  if (goesOn && canWait(error)) return next(FLEET_WIDE.has(error.code));
  const end = submissionEnd(error, answer);
  if (call.repeat === 'never' || !GATEWAY_TROUBLE.has(answer.status) || !goesOn) throw doubt.over(end);
  doubt.raise(
    call,
    end instanceof SubmissionAmbiguousError ? end : new SubmissionAmbiguousError(end.message, undefined, end),
  );
  return next(false);
};

/** Whether a submission that was refused so was not accepted, and may be once some time is over. */
const canWait = (error: ProblemError | UnexpectedAnswerError): boolean => {
  if (!(error instanceof ProblemError) || !LATER.has(error.status) || !NOT_ACCEPTED.has(error.code))
    return false;
  // Without a time the job would never fit, or nobody knows when.
  return error.code !== 'quota_stored' || error.retryAfterMs !== undefined;
};

/** A refused submission: named by its problem unless the job may have been accepted all the same. */
const submissionEnd = (error: ProblemError | UnexpectedAnswerError, answer: Answer): Error => {
  const jobId = jobIdIn(answer.headers.get('location'));
  const unclear =
    jobId !== undefined ||
    (error instanceof ProblemError ? error.code === 'acceptance_unknown' : error.status >= 500);
  return unclear ? new SubmissionAmbiguousError(error.message, jobId, error) : error;
};
