/**
 * One HTTP exchange with one URL, told apart by what a caller may do next.
 *
 * X1  `unsent`: no connection was made, so nothing of the request left. `broken`: anything may have arrived.
 * X2  The key goes to the given URLs only: redirects are not followed.
 */
import { throwIfAborted, type SdkClock } from './clock.js';

/** Body of an answer, at most: a job's whole output in base64, and room. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const MS_PER_S = 1_000;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ExchangeRequest {
  readonly method: Method;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the whole answer is there, or a stream's head, in ms. */
  readonly timeoutMs: number;
  /** Whether an answer of 200 is wanted as a stream. */
  readonly stream: boolean;
  readonly signal: AbortSignal | undefined;
}

/** An answer with its whole body; `body` is undefined where it was over the limit. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
}

/** An open stream; `close` must be called, and ends the connection if it still stands. */
export interface OpenStream {
  readonly kind: 'stream';
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array>;
  readonly close: () => void;
}

/** `location`: the header of an answer that broke in its body. */
export type Failure =
  | { readonly kind: 'unsent'; readonly cause: unknown }
  | { readonly kind: 'broken'; readonly cause: unknown; readonly location: string | null };

/** Sends `request`. Throws only the caller's own abort. */
export const exchange = async (
  fetchOne: typeof fetch,
  clock: SdkClock,
  request: ExchangeRequest,
): Promise<Answer | OpenStream | Failure> => {
  const { signal } = request;
  throwIfAborted(signal);
  const controller = new AbortController();
  const onAbort = (): void => controller.abort();
  const release = (): void => signal?.removeEventListener('abort', onAbort);
  signal?.addEventListener('abort', onAbort, { once: true });
  const cancelTimeout = clock.after(request.timeoutMs, () =>
    controller.abort(new DOMException(`no answer within ${request.timeoutMs} ms`, 'TimeoutError')),
  );
  let location: string | null = null;
  let streaming = false;
  try {
    const response = await fetchOne(request.url, initOf(request, controller.signal));
    location = response.headers.get('location');
    if (request.stream && response.status === 200 && response.body !== null) {
      streaming = true;
      const close = (): void => {
        release();
        controller.abort();
      };
      return { kind: 'stream', headers: response.headers, body: response.body, close };
    }
    return {
      kind: 'answer',
      status: response.status,
      headers: response.headers,
      body: await wholeBody(response),
    };
  } catch (cause) {
    throwIfAborted(signal);
    return wasNeverSent(cause) ? { kind: 'unsent', cause } : { kind: 'broken', cause, location };
  } finally {
    cancelTimeout();
    if (!streaming) release();
  }
};

/** Retry-After in ms; undefined where there is none in seconds. */
export const retryAfterOf = (headers: Headers): number | undefined => {
  const header = headers.get('retry-after');
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * MS_PER_S : undefined;
};

const initOf = (request: ExchangeRequest, signal: AbortSignal): RequestInit => ({
  method: request.method,
  headers: request.headers,
  redirect: 'manual',
  signal,
  ...(request.body === undefined ? {} : { body: request.body }),
});

const wholeBody = async (response: Response): Promise<Uint8Array | undefined> => {
  if (Number(response.headers.get('content-length') ?? 0) <= ANSWER_BYTES_MAX)
    return new Uint8Array(await response.arrayBuffer());
  await response.body?.cancel();
  return undefined;
};

/** Whether a failed fetch failed before a connection stood: refused, unknown host, no route. */
const wasNeverSent = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(wasNeverSent);
  // The fetch standard blocks some ports.
  if (error.message === 'bad port') return true;
  if ('code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT') return true;
  if ('syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')) return true;
  return error.cause !== undefined && wasNeverSent(error.cause);
};
