/**
 * One call on a fleet of several URLs.
 *
 * F1  A call that may be repeated goes on to the next URL after any failure to connect, a broken answer or a 502, 503
 *     or 504; after a round of all URLs it pauses within its retry budget.
 * F2  A submission without a key goes on only where nothing can have been accepted: no connection was made, or the answer
 *     is a 429 or 503 whose code says so; a quota is waited out as long as Retry-After says, within the budget. Everything
 *     else that is no answer is SubmissionAmbiguousError.
 * F3  The URL that answered last is asked first: one that is down is not tried by every call.
 * F4  A call that the fleet carries out once however often it comes (`keyed`) is repeated as by F1. Once a try of it was
 *     unclear, whatever ends it but its acceptance is SubmissionAmbiguousError: that try may have been carried out.
 * F5  A call that takes something away is done when, after an unclear try, it is no longer there (`doneWith`). Without such
 *     a try the same answer is a refusal: there was no such thing.
 */
import { jobIdIn } from './answers.js';
import type { SdkClock } from './clock.js';
import { SubmissionAmbiguousError, UnreachableError, wordsOf } from './errors.js';
import {
  exchange,
  type Answer,
  type ExchangeRequest,
  type Failure,
  type Method,
  type OpenStream,
} from './exchange.js';
import { RetryBudget } from './retry-budget.js';
import { Doubt, judge, type Reply, type Try } from './verdict.js';

export interface CallerOptions {
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly clock: SdkClock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** How long a call may spend on being tried again where the call says nothing, in ms. */
  readonly retryBudgetMs: number;
}

export interface Call {
  readonly method: Method;
  /** Path and query, from `/v1` on. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly retryBudgetMs: number | undefined;
  readonly stream: boolean;
  readonly signal: AbortSignal | undefined;
  /** Whether it is sent again where it may have arrived: F1, F4, F2. */
  readonly repeat: 'free' | 'keyed' | 'never';
  /** Code of a refusal that ends the call at once, though it could be waited out. */
  readonly endsWith?: string;
  /** Code of a refusal that says, after a try that was unclear, that this try was carried out: F5. */
  readonly doneWith?: string;
}

export class Caller {
  private readonly options: CallerOptions;
  /** Index of the URL that answered last. */
  private first = 0;

  constructor(options: CallerOptions) {
    this.options = options;
  }

  /** A budget for one call, or for several that belong together. */
  budget(budgetMs: number | undefined): RetryBudget {
    const { clock, random, retryBudgetMs } = this.options;
    return new RetryBudget(clock, random, budgetMs ?? retryBudgetMs);
  }

  /** The whole answer, below 300. Throws ProblemError, UnexpectedAnswerError, UnreachableError, SubmissionAmbiguousError. */
  async answer(call: Call): Promise<Reply<Answer>> {
    const { url, answer } = await this.call(call, this.budget(call.retryBudgetMs));
    if (answer.kind === 'answer') return { url, answer };
    answer.close();
    throw new TypeError('a stream came for a call that asked for none');
  }

  /** As `answer`, for a call that may be answered by a stream. */
  async call(call: Call, budget: RetryBudget): Promise<Reply<Answer | OpenStream>> {
    const doubt = new Doubt();
    for (;;) {
      const end = await this.round(call, doubt);
      if (end.kind === 'reply') return end.reply;
      if (!(await budget.another(end.retryAfterMs, call.signal))) throw doubt.over(end.error);
    }
  }

  /** Asks each URL once, the last good one first; ends early where the next would say the same. */
  private async round(call: Call, doubt: Doubt): Promise<Try> {
    const { urls } = this.options;
    let retryAfterMs: number | undefined;
    const first = this.first;
    for (let tried = 1; ; tried += 1) {
      const index = (first + tried - 1) % urls.length;
      const end = await this.tryOne(urls[index] as string, call, doubt);
      if (end.kind === 'reply') {
        this.first = index;
        return end;
      }
      if (end.retryAfterMs !== undefined) retryAfterMs = Math.min(retryAfterMs ?? Infinity, end.retryAfterMs);
      if (end.fleetWide || tried === urls.length) return { ...end, retryAfterMs };
    }
  }

  private async tryOne(url: string, call: Call, doubt: Doubt): Promise<Try> {
    const answer = await exchange(this.options.fetch, this.options.clock, this.requestOf(url, call));
    switch (answer.kind) {
      case 'stream':
        return { kind: 'reply', reply: { url, answer } };
      case 'answer':
        return answer.status < 300 && answer.status >= 200
          ? { kind: 'reply', reply: { url, answer } }
          : judge(url, call, answer, doubt);
      case 'unsent':
        return this.next(answer);
      case 'broken':
        doubt.isUnclear = true;
        if (call.repeat !== 'free')
          doubt.raise(
            call,
            new SubmissionAmbiguousError(wordsOf(answer.cause), jobIdIn(answer.location), answer.cause),
          );
        return this.next(answer);
    }
  }

  private next({ cause }: Failure): Try {
    const error = new UnreachableError(this.options.urls, cause);
    return { kind: 'next', error, retryAfterMs: undefined, fleetWide: false };
  }

  private requestOf(url: string, call: Call): ExchangeRequest {
    const { method, path, body, timeoutMs, stream, signal } = call;
    const headers = { ...this.options.headers, ...call.headers };
    return {
      method,
      url: `${url}${path}`,
      headers,
      timeoutMs,
      stream,
      signal,
      ...(body === undefined ? {} : { body }),
    };
  }
}
