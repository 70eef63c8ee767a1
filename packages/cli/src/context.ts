/** What every command is given: the process as far as it is touched, the terminal, the client. */
import type { Readable, Writable } from 'node:stream';
import type { ZerofleetClient } from '@zerofleet/sdk';
import type { Command } from 'commander';
import type { Terminal } from './terminal.js';

/** What of the process the program touches. */
export interface CliEnvironment {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Calls `handler` at each interrupt until the function it returns is called. */
  readonly onInterrupt: (handler: () => void) => () => void;
  /** Ends the process at once. */
  readonly leave: (code: number) => void;
}

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: CliEnvironment;
  readonly client: ZerofleetClient;
  /** Whether the answer is wanted as JSON. */
  readonly json: boolean;
}

/** Makes a commander action of `body`, which gives the exit code. */
export type Act = <Args extends readonly unknown[]>(
  body: (context: CommandContext, ...args: Args) => Promise<number>,
) => (this: Command, ...args: Args) => Promise<void>;

/** Adds one command to the program. */
export type AddCommand = (program: Command, act: Act) => void;

/** Gathers the values of an option that may be repeated. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
