/** `zerofleet quotas`: what tenants may use. A tenant reads its own; the rest takes an operator's key. */
import { EXIT } from '@zerofleet/model';
import type { DefaultsView, QuotaPatch, QuotasView } from '@zerofleet/protocol';
import type { AddCommand, CommandContext } from '../context.js';
import { quotasTable } from '../control-tables.js';
import { quotaNamesIn, quotasIn, QUOTA_NAMES } from '../quota-words.js';

export const addQuotas: AddCommand = (program, act) => {
  const group = program.command('quotas').description('what tenants may use').helpCommand(false);
  const values = `KEY=VALUE, KEY one of ${QUOTA_NAMES.join(', ')}; none for no limit`;
  group
    .command('show')
    .description("show your own, or a tenant's")
    .argument('[tenant]', "takes an operator's key")
    .action(act(show));
  group
    .command('set')
    .description("change a tenant's; what is not named stays")
    .argument('<tenant>')
    .argument('<quotas...>', values)
    .action(act(set));
  group
    .command('unset')
    .description("take a tenant's own back: the fleet's defaults hold again")
    .argument('<tenant>')
    .argument('<names...>', 'names of quotas')
    .action(act(unset));
  const defaults = group
    .command('defaults')
    .description('those of tenants that have none of their own')
    .helpCommand(false);
  defaults.command('show', { isDefault: true }).description('show them').action(act(showDefaults));
  defaults.command('set').description('change them').argument('<quotas...>', values).action(act(setDefaults));
  defaults
    .command('unset')
    .description('take them back')
    .argument('<names...>', 'names of quotas')
    .action(act(unsetDefaults));
};

const print = async (
  { terminal, json }: CommandContext,
  view: QuotasView | DefaultsView,
): Promise<number> => {
  await (json ? terminal.printJson(view) : terminal.print(quotasTable(view)));
  return EXIT.ok;
};

const show = async (context: CommandContext, tenant: string | undefined): Promise<number> => {
  const { settings, admin } = context.client;
  return print(context, await (tenant === undefined ? settings.quotas() : admin.quotas(tenant)));
};

const change = async (context: CommandContext, tenant: string, patch: QuotaPatch): Promise<number> =>
  print(context, await context.client.admin.changeQuotas(tenant, patch));

const set = (context: CommandContext, tenant: string, words: readonly string[]): Promise<number> =>
  change(context, tenant, { set: quotasIn(words) });

const unset = (context: CommandContext, tenant: string, words: readonly string[]): Promise<number> =>
  change(context, tenant, { unset: quotaNamesIn(words) });

const showDefaults = async (context: CommandContext): Promise<number> =>
  print(context, await context.client.admin.defaults());

const setDefaults = async (context: CommandContext, words: readonly string[]): Promise<number> =>
  print(context, await context.client.admin.changeDefaults({ set: quotasIn(words) }));

const unsetDefaults = async (context: CommandContext, words: readonly string[]): Promise<number> =>
  print(context, await context.client.admin.changeDefaults({ unset: quotaNamesIn(words) }));
