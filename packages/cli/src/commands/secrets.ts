/**
 * `zerofleet secrets`: values that arguments name and nobody reads back.
 *
 * W1  A value is never an argument, since every user of the machine sees arguments: it comes from stdin or a file.
 */
import { readFileSync } from 'node:fs';
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { secretsTable } from '../control-tables.js';
import { UsageError } from '../failure.js';
import { readAll, textOf } from './job-options.js';

export const addSecrets: AddCommand = (program, act) => {
  const group = program
    .command('secrets')
    .description('values that arguments name as {"$secret": "NAME"} and nobody reads back')
    .helpCommand(false);
  group.command('list').description('list their names').action(act(list));
  group
    .command('set')
    .description('set one from stdin; a line end at its end is left out')
    .argument('<name>', '1-64 letters, digits and _, starting with a letter')
    .option('--from-file <path>', 'read it from this file instead')
    .action(act(set));
  group.command('delete').description('delete one').argument('<name>').action(act(remove));
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.settings.secrets();
  await (json ? terminal.printJson(view) : terminal.print(secretsTable(view.secrets)));
  return EXIT.ok;
};

const set = async (
  { client, terminal, environment, json }: CommandContext,
  name: string,
  { fromFile }: { readonly fromFile?: string },
): Promise<number> => {
  const text = fromFile === undefined ? await readAll(environment.stdin) : textIn(fromFile);
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new UsageError('the value is empty; pipe it in, or give --from-file PATH');
  const view = await client.settings.setSecret(name, value);
  if (json) await terminal.printJson(view);
  return EXIT.ok;
};

const textIn = (path: string): string => textOf(bytesIn(path), `the file ${path}`);

const bytesIn = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(
      `the file ${path} cannot be read (${why}); give --from-file a file that holds the value alone`,
    );
  }
};

const remove = async ({ client }: CommandContext, name: string): Promise<number> => {
  await client.settings.deleteSecret(name);
  return EXIT.ok;
};
