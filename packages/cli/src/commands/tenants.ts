/** `zerofleet tenants`: who may use the fleet. Takes an operator's key. */
import { EXIT } from '@zerofleet/model';
import type { AddCommand, CommandContext } from '../context.js';
import { tenantsTable } from '../control-tables.js';
import { quotasIn } from '../quota-words.js';

export const addTenants: AddCommand = (program, act) => {
  const group = program
    .command('tenants')
    .description("who may use the fleet (takes an operator's key)")
    .helpCommand(false);
  group.command('list').description('list them').action(act(list));
  group.command('show').description('show one').argument('<tenant>').action(act(show));
  group
    .command('create')
    .description('make one; where it is there already, these quotas take the place of its own')
    .argument('<tenant>', '1-63 characters of a-z 0-9 -')
    .argument('[quotas...]', 'KEY=VALUE, as in `zerofleet quotas set`')
    .action(act(create));
  group
    .command('delete')
    .description('end one with its keys, secrets and schedules; its jobs go on')
    .argument('<tenant>')
    .action(act(remove));
};

const list = async ({ client, terminal, json }: CommandContext): Promise<number> => {
  const view = await client.admin.tenants();
  await (json ? terminal.printJson(view) : terminal.print(tenantsTable(view.tenants)));
  return EXIT.ok;
};

const show = async ({ client, terminal, json }: CommandContext, tenant: string): Promise<number> => {
  const view = await client.admin.tenant(tenant);
  await (json ? terminal.printJson(view) : terminal.print(tenantsTable([view])));
  return EXIT.ok;
};

const create = async (
  { client, terminal, json }: CommandContext,
  tenant: string,
  words: readonly string[],
): Promise<number> => {
  const view = await client.admin.putTenant(tenant, words.length === 0 ? {} : { quotas: quotasIn(words) });
  await (json ? terminal.printJson(view) : terminal.print(tenantsTable([view])));
  return EXIT.ok;
};

const remove = async ({ client }: CommandContext, tenant: string): Promise<number> => {
  await client.admin.deleteTenant(tenant);
  return EXIT.ok;
};
