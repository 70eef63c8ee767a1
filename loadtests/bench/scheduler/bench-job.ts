/** A job of the bench of the scheduler: it knows how long it will run and when it came. */
import type { JobExtras, JobId, JobTemplate, PriorityClass, TenantId, ToolName } from '@zerofleet/model';
import { QueuedJob, type Need } from '@zerofleet/scheduler';

const DECISION = { release: 'bench', adapter: 'native', mode: 'warm', revision: 0, reason: 'bench' } as const;

/** What jobs of one kind share. */
export const templateOf = (tenant: string, tool: string, priority: PriorityClass): JobTemplate => ({
  tenant: tenant as TenantId,
  tool: tool as ToolName,
  toolVersion: 1,
  class: priority,
  decision: DECISION,
});

export class BenchJob extends QueuedJob {
  readonly id = '' as JobId;
  readonly template: JobTemplate;
  readonly need: Need;
  readonly timeoutMs = 60_000;
  readonly extras: JobExtras | null;
  readonly ranMs: number;
  readonly arrivedMs: number;

  constructor(template: JobTemplate, need: Need, ranMs: number, arrivedMs: number, session?: string) {
    super();
    this.template = template;
    this.need = need;
    this.ranMs = ranMs;
    this.arrivedMs = arrivedMs;
    this.extras = session === undefined ? null : { session };
  }
}
