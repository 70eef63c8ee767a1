/**
 * `zerofleet keys`: API keys, one's own or, with an operator's key, everybody's.
 *
 * K1  A new key is printed alone on stdout, or goes into a file that only its owner reads; words about it go to stderr.
 * K2  The file is there before the key is asked for: a key that could not be kept is not made.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { EXIT, type Scope } from '@zerofleet/model';
import type { NewKey, NewKeyView } from '@zerofleet/protocol';
import { collect, type AddCommand, type CommandContext } from '../context.js';
import { keysTable } from '../control-tables.js';
import { parseDuration } from '../duration.js';
import { UsageError } from '../failure.js';
import type { Command } from 'commander';

interface OwnerOptions {
  readonly tenant?: string;
  readonly operators?: boolean;
}

interface CreateOptions extends OwnerOptions {
  readonly scope?: string[];
  readonly expires?: string;
  readonly keyOut?: string;
}

const SCOPES: readonly Scope[] = ['read', 'submit', 'manage', 'admin'];

export const addKeys: AddCommand = (program, act) => {
  const group = program.command('keys').description('API keys').helpCommand(false);
  const owned = (command: Command): Command =>
    command
      .option('--tenant <tenant>', "of this tenant (takes an operator's key)")
      .option('--operators', "of the operators (takes an operator's key)");
  owned(group.command('list').description('list them')).action(act(list));
  owned(group.command('create').description('make one, and print it this once'))
    .argument('<name>', 'what it is for')
    .option('--scope <scope>', `what it may do: ${SCOPES.join(', ')}; repeat it for several`, collect)
    .option('--expires <when>', 'a duration from now such as 720h, or a time such as 2030-01-31T12:00:00Z')
    .option('--key-out <path>', 'write it to this file instead, readable for you alone')
    .action(act(create));
  owned(group.command('revoke').description('end one at once'))
    .argument('<id>', "the key's id, as listed")
    .action(act(revoke));
};

/** Whose keys: undefined is one's own, null the operators'. */
const ownerOf = ({ tenant, operators }: OwnerOptions): string | null | undefined => {
  if (tenant !== undefined && operators === true)
    throw new UsageError('--tenant and --operators were both given; give one of them');
  return operators === true ? null : tenant;
};

const list = async ({ client, terminal, json }: CommandContext, options: OwnerOptions): Promise<number> => {
  const owner = ownerOf(options);
  const view = await (owner === undefined ? client.settings.keys() : client.admin.keys(owner));
  await (json ? terminal.printJson(view) : terminal.print(keysTable(view.keys)));
  return EXIT.ok;
};

const create = async (
  { client, terminal, json }: CommandContext,
  name: string,
  options: CreateOptions,
): Promise<number> => {
  const owner = ownerOf(options);
  const wanted: NewKey = {
    name,
    ...(options.scope === undefined ? {} : { scopes: options.scope.map(scopeOf) }),
    ...(options.expires === undefined ? {} : { expiresAt: timeOf(options.expires) }),
  };
  const { settings, admin } = client;
  const make = (): Promise<NewKeyView> =>
    owner === undefined ? settings.createKey(wanted) : admin.createKey(owner, wanted);
  const { keyOut } = options;
  const made = keyOut === undefined ? await make() : await makeInto(keyOut, make);
  const { key, ...view } = made;
  if (json) await terminal.printJson(keyOut === undefined ? made : view);
  else if (keyOut === undefined) await terminal.print(key);
  const where = keyOut === undefined ? 'shown this once' : `in ${keyOut}`;
  if (!json) await terminal.note(`key ${made.id} '${made.name}' may ${made.scopes.join(', ')}; ${where}`);
  return EXIT.ok;
};

/** Makes a key into the new file `path`, which is taken away again where none is made (K2). */
const makeInto = async (path: string, make: () => Promise<NewKeyView>): Promise<NewKeyView> => {
  const file = newFile(path);
  try {
    const made = await make().catch((error: unknown) => {
      rmSync(path, { force: true });
      throw error;
    });
    keep(file, path, made);
    return made;
  } finally {
    closeSync(file);
  }
};

const newFile = (path: string): number => {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw new UsageError(
      `no key was made, since ${path} cannot be written (${whyOf(error)}); give --key-out a new file`,
    );
  }
};

const keep = (file: number, path: string, { id, key }: NewKeyView): void => {
  try {
    writeSync(file, `${key}\n`);
  } catch (error) {
    throw new UsageError(
      `the key ${id} was made and cannot be written to ${path} (${whyOf(error)}); revoke it, and make another`,
    );
  }
};

const whyOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

const revoke = async ({ client }: CommandContext, id: string, options: OwnerOptions): Promise<number> => {
  const owner = ownerOf(options);
  await (owner === undefined ? client.settings.revokeKey(id) : client.admin.revokeKey(owner, id));
  return EXIT.ok;
};

const scopeOf = (text: string): Scope => {
  const scope = SCOPES.find((one) => one === text);
  if (scope !== undefined) return scope;
  throw new UsageError(`--scope is '${text}'; give one of ${SCOPES.join(', ')}`);
};

/** A time from now, or as it was given. */
const timeOf = (text: string): string =>
  /^\d+[a-z]*$/.test(text) ? new Date(Date.now() + parseDuration('--expires', text)).toISOString() : text;
