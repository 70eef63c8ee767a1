/** Calls that send and answer one JSON object. All but `make` may be repeated: they do twice what they do once. */
import { objectOf } from './answers.js';
import type { Call, Caller } from './caller.js';
import type { CallOptions } from './client.js';

export class JsonCaller {
  private readonly caller: Caller;
  private readonly requestMs: number;

  /** `requestMs`: a request's time limit. */
  constructor(caller: Caller, requestMs: number) {
    this.caller = caller;
    this.requestMs = requestMs;
  }

  get<T extends object>(path: string, options: CallOptions): Promise<T> {
    return this.ask({ method: 'GET', path }, options);
  }

  put<T extends object>(path: string, body: object, options: CallOptions): Promise<T> {
    return this.ask({ method: 'PUT', path, ...bodyOf(body) }, options);
  }

  patch<T extends object>(path: string, body: object, options: CallOptions): Promise<T> {
    return this.ask({ method: 'PATCH', path, ...bodyOf(body) }, options);
  }

  /** Makes something new each time it arrives: sent again only where nothing can have arrived. */
  make<T extends object>(path: string, body: object, options: CallOptions): Promise<T> {
    return this.ask({ method: 'POST', path, repeat: 'never', ...bodyOf(body) }, options);
  }

  async delete(path: string, options: CallOptions): Promise<void> {
    await this.caller.answer(this.callOf({ method: 'DELETE', path }, options));
  }

  private async ask<T extends object>(
    part: Pick<Call, 'method' | 'path'> & Partial<Call>,
    options: CallOptions,
  ): Promise<T> {
    const { url, answer } = await this.caller.answer(this.callOf(part, options));
    return objectOf<T>(url, answer);
  }

  private callOf(
    part: Pick<Call, 'method' | 'path'> & Partial<Call>,
    { signal, retryBudgetMs }: CallOptions,
  ): Call {
    return { timeoutMs: this.requestMs, retryBudgetMs, stream: false, signal, repeat: 'free', ...part };
  }
}

const bodyOf = (body: object): Pick<Call, 'body' | 'headers'> => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
