/** Failures that people read: one line that says what was wrong and what to do. */

/** Something the launcher cannot go on without. The message is one line; `exitCode` is the process's. */
export class LaunchError extends Error {
  readonly code = 'launch_failed';
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A signal came; everything made so far is being taken down. */
export class Interrupted extends LaunchError {
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`, signal === 'SIGTERM' ? 143 : 130);
  }
}

/** The message of anything that was thrown, first line only. */
export const messageOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? text;
};
