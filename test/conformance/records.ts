/** Outcome records for tests. */
import { parseTenantId, type JobId, type TenantId, type ToolName } from '@zerofleet/model';
import type { DeadLetter, OutcomeBatch, OutcomeRecord } from '@zerofleet/protocol';
import { newJobId } from '@zerofleet/runtime';

export const tenantOf = (name: string): TenantId => {
  const tenant = parseTenantId(name);
  if (tenant === undefined) throw new Error(`no tenant: ${name}`);
  return tenant;
};

export const ACME = tenantOf('acme');
export const OTHER = tenantOf('other');

/** A job of `tenant` that failed just now, with as long a message as asked for. */
export const recordOf = (
  options: {
    readonly tenant?: TenantId;
    readonly key?: string;
    readonly bytes?: number;
    readonly finishedAtMs?: number;
  } = {},
): OutcomeRecord => {
  const { tenant = ACME, key, bytes = 10, finishedAtMs = Date.now() } = options;
  return {
    job: {
      id: newJobId(),
      tenant,
      tool: 'code_execution' as ToolName,
      toolVersion: 1,
      class: 'normal',
      decision: { release: '1', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
      timeoutMs: 1_000,
      maxAttempts: 1,
      acceptedAtMs: finishedAtMs - 10,
      extras: key === undefined ? null : { idempotency: { key, hash: `hash of ${key}` } },
    },
    attempt: 1,
    outcome: { kind: 'failed', failure: { code: 'tool_error', message: 'x'.repeat(bytes) }, report: null },
    startedAtMs: finishedAtMs - 5,
    finishedAtMs,
  };
};

/** The same as a dead letter. */
export const letterOf = (options: Parameters<typeof recordOf>[0] = {}): DeadLetter => ({
  ...recordOf(options),
  payload: { kind: 'inline', bytes: 27, payload: { arguments: {}, files: [] } },
});

export const batchOf = (ledgerSeq: number, ...outcomes: readonly OutcomeRecord[]): OutcomeBatch => ({
  ledgerSeq,
  outcomes,
});

export const idOf = ({ job }: OutcomeRecord): JobId => job.id;
