/**
 * `zerofleet logs`: the output of a job, of one that runs as of one that ended.
 *
 * L1  Leaving (Ctrl-C, a reader who goes) never touches the job.
 * L2  Without -f an unfinished job's stream is left once it has been quiet for QUIET_MS: what was written is there.
 */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { withInterrupt } from '../interrupt.js';
import { showEvent } from './run.js';

/** The coordinator looks for output that it missed once a second. */
const QUIET_MS = 1_500;

interface LogsOptions {
  readonly follow?: boolean;
}

export const addLogs: AddCommand = (program, act) => {
  program
    .command('logs')
    .description("show a job's output")
    .argument('<id>', "the job's id")
    .option('-f, --follow', 'go on until the job is final')
    .action(act(logs));
};

const logs = (context: CommandContext, id: string, options: LogsOptions): Promise<number> =>
  withInterrupt(context.environment, async (interrupted) => {
    const quiet = new QuietWatch(options.follow === true ? undefined : QUIET_MS);
    const signal = AbortSignal.any([interrupted, context.terminal.readerLeft, quiet.signal]);
    try {
      for await (const event of context.client.events(id, { signal })) {
        quiet.heard();
        await (context.json ? context.terminal.printJson(event) : showEvent(context, event));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      quiet.stop();
    }
    return EXIT.ok;
  });

/** Aborts its signal once the first event is there and nothing more came for a while. */
class QuietWatch {
  private readonly afterMs: number | undefined;
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  /** Without `afterMs` it never aborts. */
  constructor(afterMs: number | undefined) {
    this.afterMs = afterMs;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  heard(): void {
    this.stop();
    if (this.afterMs !== undefined) this.timer = setTimeout(() => this.controller.abort(), this.afterMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
