/**
 * What one tenant has waiting in one class for one lane, in order.
 *
 * F1  First in, first out by `seq`. The list that a flow is holds what came in order; what was put in front, or whose session
 *     passed it the turn late, stands in `ahead`.
 * F2  A flow with jobs is in the heap of its group, or it is blocked and says why.
 */
import { MinHeap } from './heap.js';
import { JobList } from './job-list.js';
import type { Group } from './lane.js';
import type { Meter } from './meter.js';
import type { QueuedJob } from './queued-job.js';
import { Roll, widened } from './roll.js';
import type { Tenant } from './tenant.js';

/** Why a tenant's flow may not be chosen now. */
export type Block = 'paused' | 'running' | 'tool_running' | 'rate' | 'compute' | 'stored';

/** The numbers of flows, and whose each is. */
export class Flows extends Roll<Flow> {
  private accounts = new Int32Array(0);

  enterOf(flow: Flow, account: number): number {
    const slot = super.enter(flow);
    this.accounts = widened(this.accounts, slot);
    this.accounts[slot] = account;
    return slot;
  }

  /** The number of the account of a flow's tenant. */
  account(slot: number): number {
    return this.accounts[slot] as number;
  }
}

export class Flow extends JobList {
  /** Its number in the roll of flows. */
  readonly slot: number;
  readonly tenant: Tenant;
  readonly meter: Meter;
  /** Its number, at hand. */
  readonly meterSlot: number;
  /** The class that was asked for, by rank; the group's is that one or the tenant's ceiling. */
  readonly asked: number;
  group: Group;
  blocked: Block | null = null;
  size = 0;
  steps = -1;
  firstMs = 0;
  lastMs = 0;
  private ahead: MinHeap<QueuedJob> | null = null;

  constructor(tenant: Tenant, meter: Meter, asked: number, group: Group, flows: Flows) {
    super();
    this.slot = flows.enterOf(this, tenant.slot);
    this.tenant = tenant;
    this.meter = meter;
    this.meterSlot = meter.slot;
    this.asked = asked;
    this.group = group;
  }

  /** Puts a job where its `seq` belongs. */
  put(job: QueuedJob): void {
    this.size += 1;
    job.flow = this;
    const { last } = this;
    if (last === null || last.seq < job.seq) {
      job.standing = 'listed';
      this.push(job);
      return;
    }
    job.standing = 'ahead';
    this.ahead ??= new MinHeap();
    this.ahead.push(job, job.seq);
  }

  /** The job whose turn it is. */
  get head(): QueuedJob | null {
    const listed = this.first;
    if (this.ahead === null) return listed;
    const ahead = this.firstAhead(this.ahead);
    if (ahead === null || listed === null) return ahead ?? listed;
    return ahead.seq < listed.seq ? ahead : listed;
  }

  /** Takes a job out, wherever it stands. */
  take(job: QueuedJob): void {
    this.size -= 1;
    if (job.standing === 'listed') this.remove(job);
    job.standing = 'out';
    job.flow = null;
  }

  /** Jobs that come before `job`; beyond `limit` an estimate by how its `seq` lies between the first and the last. */
  before(job: QueuedJob, limit: number): number {
    const ahead = this.ahead?.size ?? 0;
    if (job.standing === 'ahead') return Math.min(ahead - 1, this.size - 1);
    let count = 0;
    for (let one = job.before; one !== null; one = one.before) {
      count += 1;
      if (count < limit) continue;
      const { first, last } = this;
      if (first === null || last === null) break;
      const share = (job.seq - first.seq) / Math.max(1, last.seq - first.seq);
      count = Math.max(limit, Math.round(share * (this.size - 1)));
      break;
    }
    return Math.min(count + ahead, this.size - 1);
  }

  /** A job that was taken out of `ahead` is still in its heap until it comes up. */
  private firstAhead(ahead: MinHeap<QueuedJob>): QueuedJob | null {
    for (;;) {
      const job = ahead.first;
      if (job === undefined) {
        this.ahead = null;
        return null;
      }
      if (job.standing === 'ahead' && job.flow === this && job.seq === ahead.firstKey) return job;
      ahead.pop();
    }
  }
}
