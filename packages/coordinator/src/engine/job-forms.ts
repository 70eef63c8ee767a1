/** What the engine makes of a job for others: its message to a worker, and the outcomes that only the engine gives. */
import type { Outcome, PayloadRef, ToolDefinition } from '@zerofleet/model';
import type { RunJob } from '@zerofleet/protocol';
import type { JobRecord } from './job-record.js';
import type { JobSnapshot } from './ports.js';

/** Whether a cancel of the job is committed, or can change nothing any more. */
export const isCancelled = ({ state }: JobSnapshot): boolean =>
  state.kind === 'finished' || (state.kind === 'running' && state.cancelRequested);

/** One attempt of a job as its worker gets it. */
export const runJob = (
  { id, template, timeoutMs }: JobRecord,
  payload: PayloadRef,
  attempt: number,
  tool: ToolDefinition,
): RunJob => ({
  id,
  attempt,
  tenant: template.tenant,
  tool: template.tool,
  mode: template.decision.mode,
  pool: tool.pool,
  reuse: tool.reuse,
  payload,
  timeoutMs,
  outputBytes: tool.limits.outputBytes,
});

export const UNDEFINED_TOOL: Outcome = {
  kind: 'failed',
  failure: { code: 'start_failed', message: 'the tool is not defined in this release any more' },
  report: null,
};

export const EXPIRED: Outcome = { kind: 'expired', report: null };

export const workerLost = (attempts: number): Outcome => ({
  kind: 'failed',
  failure: {
    code: 'worker_lost',
    message: `the worker was lost and ${attempts} of ${attempts} attempts are spent`,
  },
  report: null,
});
