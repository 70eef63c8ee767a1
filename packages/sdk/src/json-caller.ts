/**
 * Calls that send and answer one JSON object.
 *
 * J1  All but `make` may be repeated: they do twice what they do once, and what a lost answer took away is gone (caller.ts, F5).
 * J2  `make` makes something new each time it arrives. It is sent again only where nothing can have arrived; where that is
 *     not known it throws CreationAmbiguousError (F2).
 */
import { kindOf } from './answers.js';
import type { Call, Caller } from './caller.js';
import type { CallOptions } from './client.js';
import type { AnswerKind } from './answer-kinds.js';
import {
  CreationAmbiguousError,
  SubmissionAmbiguousError,
  UnexpectedAnswerError,
  wordsOf,
} from './errors.js';

type CallPart = Pick<Call, 'method' | 'path'> & Partial<Call>;

export class JsonCaller {
  private readonly caller: Caller;
  private readonly requestMs: number;

  /** `requestMs`: a request's time limit. */
  constructor(caller: Caller, requestMs: number) {
    this.caller = caller;
    this.requestMs = requestMs;
  }

  get<T>(path: string, kind: AnswerKind<T>, options: CallOptions): Promise<T> {
    return this.ask({ method: 'GET', path }, kind, options);
  }

  put<T>(path: string, body: object, kind: AnswerKind<T>, options: CallOptions): Promise<T> {
    return this.ask({ method: 'PUT', path, ...bodyOf(body) }, kind, options);
  }

  patch<T>(path: string, body: object, kind: AnswerKind<T>, options: CallOptions): Promise<T> {
    return this.ask({ method: 'PATCH', path, ...bodyOf(body) }, kind, options);
  }

  async make<T>(path: string, body: object, kind: AnswerKind<T>, options: CallOptions): Promise<T> {
    const call = this.callOf({ method: 'POST', path, repeat: 'never', ...bodyOf(body) }, options);
    try {
      const { url, answer } = await this.caller.answer(call);
      return kindOf(url, answer, kind);
    } catch (error) {
      if (error instanceof SubmissionAmbiguousError)
        throw new CreationAmbiguousError(wordsOf(error), error.cause);
      if (error instanceof UnexpectedAnswerError && isSuccess(error.status))
        throw new CreationAmbiguousError(error.message, error);
      throw error;
    }
  }

  async delete(path: string, options: CallOptions): Promise<void> {
    await this.caller.answer(this.callOf({ method: 'DELETE', path, doneWith: 'not_found' }, options));
  }

  private async ask<T>(part: CallPart, kind: AnswerKind<T>, options: CallOptions): Promise<T> {
    const { url, answer } = await this.caller.answer(this.callOf(part, options));
    return kindOf(url, answer, kind);
  }

  private callOf(part: CallPart, { signal, retryBudgetMs }: CallOptions): Call {
    return { timeoutMs: this.requestMs, retryBudgetMs, stream: false, signal, repeat: 'free', ...part };
  }
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const bodyOf = (body: object): Pick<Call, 'body' | 'headers'> => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
