/** `zerofleet files`: what a job left of the files that it was to collect. */
import { EXIT } from '@zerofleet/model';
import type { FilesView } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { UsageError } from '../failure.js';
import { withInterrupt } from '../interrupt.js';
import { checkFree, kindOf, placeIn, save } from '../saving.js';
import { filesText } from '../tables.js';

interface FilesOptions {
  readonly output?: string;
  readonly force?: boolean;
}

export const addFiles: AddCommand = (program, act) => {
  program
    .command('files')
    .description('list the files that a job left, or fetch them')
    .argument('<id>', "the job's id")
    .argument('[path]', 'one of them: to stdout, unless --output says otherwise')
    .option('-o, --output <path>', 'write it to this file, or all of them below this folder')
    .option('--force', 'put them in the place of files that are there')
    .action(act(files));
};

const files = async (
  context: CommandContext,
  id: string,
  path: string | undefined,
  { output, force = false }: FilesOptions,
): Promise<number> => {
  if (force && output === undefined) throw new UsageError('--force goes with --output');
  if (output === '') throw new UsageError('--output is empty; give a file or a folder');
  if (path === undefined && output === undefined) return list(context, id);
  if (path !== undefined && output === undefined) return show(context, id, path);
  return withInterrupt(context.environment, (interrupted) =>
    path === undefined
      ? fetchAll({ ...context, interrupted, force }, id, output ?? '')
      : fetchOne({ ...context, interrupted, force }, id, path, output ?? ''),
  );
};

interface Fetching extends CommandContext {
  readonly interrupted: AbortSignal;
  readonly force: boolean;
}

const list = async ({ client, terminal, json }: CommandContext, id: string): Promise<number> => {
  const view = await client.jobs.files(id);
  await (json ? terminal.printJson(view) : terminal.print(filesText(view)));
  return EXIT.ok;
};

/** The bytes as they are: what a terminal makes of them is the matter of whoever asks for it. */
const show = async (
  { client, terminal, json }: CommandContext,
  id: string,
  path: string,
): Promise<number> => {
  if (json) throw new UsageError('a file is no JSON; give --output with --json');
  const { content } = await client.jobs.download(id, path, { signal: terminal.readerLeft });
  for await (const piece of content) await terminal.write('stdout', piece);
  return EXIT.ok;
};

const fetchOne = async (
  { client, interrupted: signal, force, ...rest }: Fetching,
  id: string,
  path: string,
  output: string,
): Promise<number> => {
  const place = (await kindOf(output)) === 'folder' ? await placeIn(output, path) : output;
  await checkFree(place, force);
  const download = await client.jobs.download(id, path, { signal });
  await save(download, place, force);
  const { bytes, sha256 } = download;
  return told({ ...rest, client }, [{ path, bytes, sha256, file: place }]);
};

/** All that may not be written is said before anything is. */
const fetchAll = async (
  { client, interrupted: signal, force, ...rest }: Fetching,
  id: string,
  folder: string,
): Promise<number> => {
  const view = await client.jobs.files(id, { signal });
  const places = new Map<string, string>();
  for (const { path } of view.files) {
    const place = await placeIn(folder, path);
    await checkFree(place, force);
    places.set(path, place);
  }
  for (const [path, place] of places)
    await save(await client.jobs.download(id, path, { signal }), place, force);
  return told(
    { ...rest, client },
    view.files.map((file) => ({ ...file, file: places.get(file.path) ?? '' })),
  );
};

/** What was written, and where. */
const told = async (
  { terminal, json }: CommandContext,
  written: readonly (FilesView['files'][number] & { readonly file: string })[],
): Promise<number> => {
  if (json) await terminal.printJson({ files: written });
  else {
    const bytes = written.reduce((sum, file) => sum + file.bytes, 0);
    const [first] = written;
    const what = written.length === 1 && first !== undefined ? first.file : `${written.length} files`;
    await terminal.note(`${what}: ${bytes} bytes written`);
  }
  return EXIT.ok;
};
