/** Where runners come from: a container behind the engine broker, or a subprocess. One interface, one runner client. */
import type { PoolSpec } from '@zerofleet/model';

/** The two ends of a runner: its stdin and stdout. */
export interface RunnerPipe {
  /** The container's or process's name, for logs. */
  readonly id: string;
  write(bytes: Buffer): void;
  /** Called with what the runner writes; always drained. */
  onData(take: (bytes: Buffer) => void): void;
  /** Called once when the runner is gone, with what is known of why, and whether all runners of the engine are. */
  onEnd(end: (reason: string, engineLost: boolean) => void): void;
  /** Ends the runner and everything it started. Resolves once nothing of it is left; never throws. */
  destroy(): Promise<void>;
}

export interface ToolEngine {
  /** Starts a runner. Throws when none can be started. */
  open(spec: PoolSpec): Promise<RunnerPipe>;
  /** Gives up starts that wait for the engine to be back; nothing is started any more. */
  close?(): void;
}

/** No runner could be started; the message is for people. */
export class StartError extends Error {
  readonly code = 'start_failed';
}
