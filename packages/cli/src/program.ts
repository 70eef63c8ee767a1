/**
 * The command line: what there is to type, and what each command needs.
 *
 * P1  Whatever goes wrong is one line on stderr, `zerofleet: what was wrong; what to do`, and a documented exit code.
 */
import { readFileSync } from 'node:fs';
import { EXIT } from '@zerofleet/model';
import { ZerofleetClient } from '@zerofleet/sdk';
import { Command, CommanderError } from 'commander';
import { addRun } from './commands/run.js';
import { addSubmit } from './commands/submit.js';
import { addFiles } from './commands/files.js';
import { addGet } from './commands/get.js';
import { addLogs } from './commands/logs.js';
import { addCancel } from './commands/cancel.js';
import { addDeadLetters } from './commands/dead-letters.js';
import { addKeys } from './commands/keys.js';
import { addPauses } from './commands/pauses.js';
import { addQuotas } from './commands/quotas.js';
import { addSchedules } from './commands/schedules.js';
import { addSecrets } from './commands/secrets.js';
import { addSessions } from './commands/sessions.js';
import { addTenants } from './commands/tenants.js';
import { addWhy } from './commands/why.js';
import { addTools } from './commands/tools.js';
import { addStatus } from './commands/status.js';
import { addPools } from './commands/pools.js';
import { addWorkers } from './commands/workers.js';
import { collect, type Act, type CliEnvironment } from './context.js';
import { failureOf } from './failure.js';
import { settingsOf, type GlobalOptions } from './settings.js';
import { Terminal } from './terminal.js';

/** Runs the command in `words`; gives its exit code. */
export const runCli = async (words: readonly string[], environment: CliEnvironment): Promise<number> => {
  const terminal = new Terminal(environment.stdout, environment.stderr);
  let exit: number = EXIT.ok;
  const act: Act = (body) =>
    async function (...args) {
      const options = this.optsWithGlobals<GlobalOptions>();
      const { urls, apiKey, retryBudgetMs, warning } = settingsOf(options, environment.env);
      if (warning !== undefined) await terminal.note(`warning: ${warning}`);
      const client = new ZerofleetClient({ urls, apiKey, retryBudgetMs });
      exit = await body({ terminal, environment, client, json: options.json === true }, ...args);
    };
  try {
    await programOf(act, environment).parseAsync(words, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const failure = failureOf(error);
    await terminal.note(failure.line);
    return failure.exit;
  }
};

const programOf = (act: Act, { stdout }: CliEnvironment): Command => {
  const program = new Command('zerofleet')
    .description("Runs Agent Zero's tools as jobs on a Zerofleet fleet")
    .version(version(), '--version', 'print the version')
    .option(
      '--url <url>',
      'a coordinator; repeat it for several (or ZEROFLEET_URL, comma-separated)',
      collect,
    )
    .option('--key-file <path>', 'file that holds the API key (or the key itself in ZEROFLEET_API_KEY)')
    .option('--json', 'print one JSON document (JSON lines for logs) instead of text and tables')
    .option('--retry <duration>', 'try so long to reach the fleet; 0s tries once', '15s')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => undefined });
  const commands = [
    ...[addRun, addSubmit, addGet, addFiles, addLogs, addWhy, addCancel, addDeadLetters, addTools, addStatus],
    ...[addSessions, addSecrets, addSchedules, addQuotas, addKeys, addTenants, addPauses],
    ...[addWorkers, addPools],
  ];
  for (const add of commands) add(program, act);
  return program;
};

const version = (): string => {
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
};
