/** What the engine makes of a job for others: its message to a worker, its snapshot, the outcomes that only the engine gives. */
import type { JobEnvelope, Outcome, ToolDefinition } from '@zerofleet/model';
import type { RunJob } from '@zerofleet/protocol';
import type { JobSnapshot } from './ports.js';
import type { JobRecord } from './shard-state.js';

export const snapshotOf = (record: JobRecord): JobSnapshot | undefined =>
  record.shown === null ? undefined : { envelope: record.envelope, state: record.shown };

/** Whether a cancel of the job is committed, or can change nothing any more. */
export const isCancelled = ({ state }: JobSnapshot): boolean =>
  state.kind === 'finished' || (state.kind === 'running' && state.cancelRequested);

export const runJob = (envelope: JobEnvelope, attempt: number, tool: ToolDefinition): RunJob => ({
  id: envelope.id,
  attempt,
  tenant: envelope.tenant,
  tool: envelope.tool,
  mode: envelope.decision.mode,
  pool: tool.pool,
  reuse: tool.reuse,
  payload: envelope.payload,
  timeoutMs: envelope.timeoutMs,
  outputBytes: tool.limits.outputBytes,
});

export const UNDEFINED_TOOL: Outcome = {
  kind: 'failed',
  failure: { code: 'start_failed', message: 'the tool is not defined in this release any more' },
  report: null,
};

export const workerLost = (attempts: number): Outcome => ({
  kind: 'failed',
  failure: {
    code: 'worker_lost',
    message: `the worker was lost and ${attempts} of ${attempts} attempts are spent`,
  },
  report: null,
});
