/** What the engine makes of a job for others: its message to a worker, and the outcomes that only the engine gives. */
import type { JobTemplate, Outcome, ToolDefinition } from '@zerofleet/model';
import type { RunForm } from '@zerofleet/protocol';
import type { JobSnapshot } from './ports.js';

/** Whether a cancel of the job is committed, or can change nothing any more. */
export const isCancelled = ({ state }: JobSnapshot): boolean =>
  state.kind === 'finished' || (state.kind === 'running' && state.cancelRequested);

/** What a worker must know of all jobs of a template: as the tool is defined now, also for jobs that waited. */
export const runForm = ({ tenant, tool: name, decision }: JobTemplate, tool: ToolDefinition): RunForm => ({
  tenant,
  tool: name,
  mode: decision.mode,
  pool: tool.pool,
  reuse: tool.reuse,
  outputBytes: tool.limits.outputBytes,
  ...(tool.egress === undefined ? {} : { egress: tool.egress }),
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
