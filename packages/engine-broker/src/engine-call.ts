/** One call of the Docker engine: it ends within a bound, and what went wrong is told apart. */

/** The engine did not do what it was asked for. */
export class EngineError extends Error {
  readonly code: 'engine_failed' | 'engine_away' | 'engine_timeout';
  /** Its HTTP status, where it answered. */
  readonly status: number | undefined;

  constructor(code: EngineError['code'], message: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const late = (what: string, timeoutMs: number): EngineError =>
  new EngineError('engine_timeout', `${what} took longer than ${timeoutMs} ms`);

const asEngineError = (error: Error & { statusCode?: number; code?: string }): EngineError => {
  if (error instanceof EngineError) return error;
  const isAway = error.statusCode === undefined && error.code !== undefined;
  return new EngineError(isAway ? 'engine_away' : 'engine_failed', error.message, error.statusCode);
};

/** The call's result. Throws EngineError. */
export const within = async <T>(what: string, timeoutMs: number, call: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(what, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([call, tooLate]);
  } catch (error) {
    throw asEngineError(error as Error);
  } finally {
    clearTimeout(timer);
  }
};

/** Whether the engine answered with one of these statuses. */
export const answeredWith = (error: unknown, ...statuses: readonly number[]): boolean =>
  error instanceof EngineError && statuses.includes(error.status ?? 0);
