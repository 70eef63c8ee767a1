/** What tenants of the simulation submit. */
import { Catalog } from '@zerofleet/coordinator';
import type { PriorityClass, RetryCause, TenantId, ToolDefinition, ToolName } from '@zerofleet/model';
import type { Submit } from '@zerofleet/protocol';
import type { Prng } from '@zerofleet/testkit';

export const TOOL: ToolDefinition = {
  name: 'echo' as ToolName,
  version: 1,
  description: 'says what it was told',
  adapter: 'native',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 64, workMiB: 16, tmpMiB: 16 },
  },
  limits: { timeoutMsDefault: 10_000, timeoutMsMax: 60_000, outputBytes: 1_024 },
  reuse: 'tenant',
  arguments: {},
};
export const CATALOG = new Catalog([TOOL]);
export const TENANTS = ['a', 'b', 'c'] as TenantId[];

/** What a tenant submits, and under which Idempotency-Key. */
export interface Order {
  readonly tenant: TenantId;
  readonly submit: Submit;
  readonly key: string | undefined;
}

/** An order of what every release knows: no time, no deadline, no retries, no key. */
export const drawPlainOrder = (prng: Prng): Order => ({
  tenant: prng.pick(TENANTS),
  submit: { tool: TOOL.name, arguments: drawArguments(prng), maxAttempts: prng.pick([1, 2, 3, 5]) },
  key: undefined,
});

/** A text that is now and then too big to stand in the ledger. */
const drawArguments = (prng: Prng): { readonly text: string } => {
  const isBig = prng.chance(1, 25);
  return { text: prng.uuid().repeat(isBig ? 500 : prng.between(1, 10)) };
};

/**
 * An order drawn by the seed: most jobs are due now, some later, a few far ahead; some have a class, a session, a
 * deadline, retries, a key, a big payload.
 */
export const drawOrder = (prng: Prng): Order => {
  const due = prng.between(1, 10);
  const delayMs = due > 4 ? 0 : due > 2 ? prng.between(1, 4_000) : prng.between(6_000, 25_000);
  const isBig = prng.chance(1, 25);
  const on = prng.pick<RetryCause[]>([['tool_error'], ['tool_error', 'timed_out'], ['start_failed']]);
  return {
    tenant: prng.pick(TENANTS),
    submit: {
      tool: TOOL.name,
      arguments: { text: prng.uuid().repeat(isBig ? 500 : prng.between(1, 10)) },
      maxAttempts: prng.pick([1, 2, 3, 5]),
      ...(prng.chance(1, 5) ? { session: prng.pick(['desk', 'shell']) } : {}),
      ...(prng.chance(1, 3) ? { class: prng.pick<PriorityClass>(['interactive', 'high', 'batch']) } : {}),
      ...(delayMs > 0 ? { delayMs } : {}),
      ...(prng.chance(1, 8) ? { deadlineMs: delayMs + prng.between(50, 5_000) } : {}),
      ...(prng.chance(1, 2) ? { retry: { on, baseMs: 500, capMs: 4_000 } } : {}),
    },
    key: prng.chance(1, 2) ? `k${prng.next()}` : undefined,
  };
};
