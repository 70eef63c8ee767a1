/** A job of the fairness bench: whose it is, what it needs, how long it will run and when it comes. */
import type { PriorityClass, TenantId, ToolName } from '@zerofleet/model';

export interface SimJob {
  readonly tenant: TenantId;
  readonly tool: ToolName;
  readonly class: PriorityClass;
  readonly session: string | undefined;
  readonly ranMs: number;
  readonly arrivedMs: number;
}
