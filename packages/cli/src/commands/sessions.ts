/** `zerofleet sessions`: which of the tenant's sessions are open, and the end of one. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { sessionTable, sessionsTable } from '../control-tables.js';

export const addSessions: AddCommand = (program, act) => {
  const group = program
    .command('sessions')
    .description('open sessions; one opens with its first job (run --session NAME)')
    .helpCommand(false);
  group.command('list').description('list them').action(act(list));
  group.command('show').description('show one').argument('<name>').action(act(show));
  group
    .command('end')
    .description('end one: its container, and the files that were saved of it')
    .argument('<name>')
    .action(act(end));
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.settings.sessions();
  await (json ? terminal.printJson(view) : terminal.print(sessionsTable(view.sessions)));
  return EXIT.ok;
};

const show = async ({ client, terminal, json }: CommandContext, name: string): Promise<number> => {
  const view = await client.settings.session(name);
  await (json ? terminal.printJson(view) : terminal.print(sessionTable(view)));
  return EXIT.ok;
};

const end = async ({ client }: CommandContext, name: string): Promise<number> => {
  await client.settings.endSession(name);
  return EXIT.ok;
};
