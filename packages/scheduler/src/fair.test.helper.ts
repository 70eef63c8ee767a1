/** Jobs and hosts for tests of the fair scheduler. */
import type {
  JobExtras,
  JobId,
  JobTemplate,
  PriorityClass,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import {
  DEFAULT_POLICY,
  QueuedJob,
  type FairScheduler,
  type FleetHost,
  type Need,
  type TenantPolicy,
} from './index.js';

export interface JobForm {
  readonly tenant: string;
  readonly class?: PriorityClass;
  readonly tool?: string;
  readonly session?: string;
  readonly timeoutMs?: number;
  readonly need?: Need;
}

export const NEED: Need = {
  room: { cpuMilli: 1_000, memoryMiB: 256 },
  poolKey: 'k',
  mode: 'warm',
  outcomeBytesMax: 0,
};

export class TestJob extends QueuedJob {
  readonly id: JobId;
  readonly template: JobTemplate;
  readonly need: Need;
  readonly timeoutMs: number;
  readonly extras: JobExtras | null;

  constructor(name: string, form: JobForm) {
    super();
    this.id = name as JobId;
    this.template = {
      tenant: form.tenant as TenantId,
      tool: (form.tool ?? 'tool') as ToolName,
      toolVersion: 1,
      class: form.class ?? 'normal',
      decision: { release: 'r', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
    };
    this.need = form.need ?? NEED;
    this.timeoutMs = form.timeoutMs ?? 60_000;
    this.extras = form.session === undefined ? null : { session: form.session };
  }
}

export const tenant = (name: string): TenantId => name as TenantId;
export const tool = (name: string): ToolName => name as ToolName;
export const policy = (part: Partial<TenantPolicy>): TenantPolicy => ({ ...DEFAULT_POLICY, ...part });

/** A host with room for `slots` jobs of NEED. */
export const hostOf = (
  slots: number,
  part: Partial<FleetHost> & { readonly name?: string } = {},
): FleetHost => {
  const { name = 'w', ...rest } = part;
  const room = { cpuMilli: 1_000 * slots, memoryMiB: 256 * slots };
  return { worker: name as WorkerId, mode: 'warm', room, free: room, warm: new Map(), ...rest };
};

/** Names of the jobs that run one after the other, each for `ranMs`, until none may. */
export const drain = (
  scheduler: FairScheduler<TestJob>,
  host: FleetHost,
  ranMs = 0,
  most = Infinity,
): string[] => {
  const names: string[] = [];
  for (let nowMs = 0; names.length < most; nowMs += ranMs) {
    scheduler.setHost(host);
    const turn = scheduler.next(nowMs);
    if (turn.kind !== 'run') break;
    names.push(turn.job.id);
    scheduler.ended(turn.job, nowMs + ranMs, ranMs);
  }
  return names;
};
