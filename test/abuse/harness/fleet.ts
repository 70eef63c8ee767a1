/** Clients of the attacked fleet, and what every attack is followed by. */
import { readFileSync } from 'node:fs';
import type { JobView, Submit } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { expect, inject } from 'vitest';
import type { AbuseFacts, TenantName } from '../setup.js';

/** How long any job of this suite may wait for its outcome, in ms. */
const WAIT_MS = 60_000;

export const facts = (): AbuseFacts => inject('abuse');

const clients = new Map<string, ZerofleetClient>();

/** A client of that tenant. */
export const clientOf = (tenant: TenantName, of: AbuseFacts = facts()): ZerofleetClient => {
  const known = clients.get(of.keys[tenant]);
  const client =
    known ??
    new ZerofleetClient({ urls: [of.apiUrl], apiKey: of.keys[tenant], requestTimeoutMs: WAIT_MS + 10_000 });
  clients.set(of.keys[tenant], client);
  return client;
};

/** Submits and waits for the outcome; one attempt alone, so that what an attack did is not hidden by a second one. */
export const run = (client: ZerofleetClient, submit: Submit): Promise<JobView> =>
  client.submit({ maxAttempts: 1, ...submit }, { waitMs: WAIT_MS });

/** The next jobs of another tenant and of the attacker are fine, and so are the fleet's own processes. */
export const allFine = async (of: AbuseFacts = facts()): Promise<void> => {
  const jobs = (['victim', 'mallory'] as const).flatMap((tenant) => {
    const client = clientOf(tenant, of);
    const python = { runtime: 'python', code: 'import json\nprint(json.dumps({"sum": sum(range(1000))}))' };
    const shell = { runtime: 'terminal', code: 'cat > file && sort -n file | tail -1', stdin: '2\n10\n1\n' };
    return [
      run(client, { tool: 'code_execution', arguments: python }),
      run(client, { tool: 'code_execution', arguments: shell }),
    ];
  });
  for (const job of await Promise.all(jobs)) {
    expect(job).toMatchObject({ stage: 'succeeded', exitCode: 0, error: null });
    expect(['{"sum": 499500}\n', '10\n']).toContain(textOf(job));
  }
  expect(deadParts(of)).toEqual([]);
};

/** Parts of the fleet that are not the processes any more that they were at the start. */
const deadParts = ({ pids }: AbuseFacts): string[] =>
  Object.entries(pids)
    .filter(([, pid]) => pid === undefined || !isAlive(pid))
    .map(([name]) => name);

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** A job's output as bytes, both streams in the order they were written. */
export const outputOf = (job: JobView): Buffer =>
  Buffer.concat((job.output?.chunks ?? []).map(({ data, encoding }) => Buffer.from(data, encoding)));

export const textOf = (job: JobView): string => outputOf(job).toString('utf8');
