/**
 * Who waits where: brings jobs into the flow they belong to and takes them out again, and blocked flows back.
 *
 * O1  A tenant lists exactly its flows that have jobs; `waiting` counts jobs in flows and those held by their sessions.
 * O2  A flow that has another first job than before is not blocked: what blocked it may have been that job's business.
 */
import type { TenantId, ToolName } from '@zerofleet/model';
import type { Arbiter } from './arbiter.js';
import { beat, skip } from './cadence.js';
import type { ClassQueue } from './class-queue.js';
import { IdleTenants, type IdleLimits } from './idle.js';
import { LOWEST, rankOf } from './classes.js';
import { Flow } from './flow.js';
import { Tool, type Lane, type Rolls } from './lane.js';
import type { QueuedJob } from './queued-job.js';
import type { Session } from './session.js';
import type { Supplies } from './supply.js';
import { Tenant } from './tenant.js';

/** Flows that a tenant keeps although they are empty: how fast they were served is known. */
const FLOWS_KEPT = 8;

export interface BookParts {
  readonly supplies: Supplies;
  readonly arbiter: Arbiter;
  /** By rank. */
  readonly classes: readonly ClassQueue[];
  readonly rolls: Rolls;
  readonly idleLimits: IdleLimits;
}

export class Book {
  waiting = 0;
  /** The time on the clock of the jobs. */
  sinceMs = 0;
  private readonly parts: BookParts;
  private readonly idle: IdleTenants;
  private readonly tenants = new Map<TenantId, Tenant>();
  private readonly tools = new Map<ToolName, Tool>();

  constructor(parts: BookParts) {
    this.parts = parts;
    this.idle = new IdleTenants(parts.idleLimits, (tenant) => this.forget(tenant));
  }

  tenantOf(id: TenantId): Tenant {
    const known = this.tenants.get(id);
    if (known !== undefined) return known;
    const tenant = new Tenant(id, this.parts.rolls.accounts);
    this.tenants.set(id, tenant);
    return tenant;
  }

  /** A tenant, if anything is known of it. */
  find(id: TenantId): Tenant | undefined {
    return this.tenants.get(id);
  }

  /** Tenants of which anything is known. */
  get tenantCount(): number {
    return this.tenants.size;
  }

  /** Something of a tenant ended: it may be idle now. */
  settle(tenant: Tenant): void {
    this.idle.settle(tenant, this.parts.arbiter.virtualMs);
  }

  allTenants(): IterableIterator<Tenant> {
    return this.tenants.values();
  }

  toolOf(name: ToolName): Tool {
    const known = this.tools.get(name);
    if (known !== undefined) return known;
    const tool = new Tool(name, this.parts.rolls.meters);
    this.tools.set(name, tool);
    return tool;
  }

  /** Puts a job into its flow, or into the line of its session. */
  enter(job: QueuedJob, first: boolean): void {
    const session = this.sessionOf(job);
    if (session !== undefined && session.turn !== null && session.turn !== job) {
      this.waiting += 1;
      job.standing = 'held';
      if (first) session.line.unshift(job);
      else session.line.push(job);
      return;
    }
    if (session !== undefined) session.turn = job;
    this.enlist(job);
  }

  /** Puts a job into its flow. */
  enlist(job: QueuedJob): void {
    const tenant = this.tenantOf(job.template.tenant);
    if (tenant.waiting === 0) tenant.wake(this.parts.arbiter.virtualMs);
    const flow = this.flowOf(tenant, job);
    this.waiting += 1;
    tenant.waiting += 1;
    if (flow.group.rank === LOWEST) tenant.waitingLowest += 1;
    if (flow.size === 0) skip(flow, this.sinceMs);
    flow.put(job);
    if (flow.head === job) this.stand(flow, job);
  }

  /** Takes a job out of where it waits; its session's turn stays with it. */
  withdraw(job: QueuedJob): void {
    if (job.standing === 'held') {
      this.waiting -= 1;
      job.standing = 'out';
      this.sessionOf(job)?.line.remove(job);
    }
    const { flow } = job;
    if (flow === null) return;
    const wasFirst = flow.head === job;
    flow.take(job);
    this.waiting -= 1;
    flow.tenant.waiting -= 1;
    if (flow.group.rank === LOWEST) flow.tenant.waitingLowest -= 1;
    if (flow.size === 0) this.drop(flow);
    else if (wasFirst && flow.head !== null) this.stand(flow, flow.head);
  }

  /** Gives the turn of the job's session, if it has it, to the next of that session. */
  passTurn(job: QueuedJob): void {
    const { session: name } = job.extras ?? {};
    if (name === undefined) return;
    const tenant = this.find(job.template.tenant);
    const session = tenant?.findSession(name);
    if (tenant === undefined || session === undefined) return;
    if (session.turn === job) {
      beat(session, this.sinceMs);
      const next = session.pass();
      if (next !== undefined) {
        this.waiting -= 1;
        this.enlist(next);
      }
    }
    if (session.turn === null) tenant.forgetSession(name);
  }

  /** The turn of the job's session is this job's; one that had it and waits, waits behind it again. */
  giveTurn(job: QueuedJob): void {
    const session = this.sessionOf(job);
    const before = session?.turn ?? null;
    if (session === undefined || before === job) return;
    session.turn = job;
    if (before === null || before.flow === null) return;
    this.withdraw(before);
    this.waiting += 1;
    before.standing = 'held';
    session.line.unshift(before);
  }

  /** Something that may have blocked a tenant is over: its flows are looked at again. */
  unblock(tenant: Tenant): void {
    if (tenant.pausedBy !== null) return;
    for (const flow of tenant.flows) if (flow.blocked !== null && flow.head) this.stand(flow, flow.head);
  }

  /** The tenant's account moved: its flows move with it. */
  follow(tenant: Tenant): void {
    for (const flow of tenant.flows) flow.group.rekey(flow);
  }

  /** The tenant's ceiling changed: each flow goes to the class that it may be in. */
  regroup(tenant: Tenant): void {
    for (const flow of tenant.flows) {
      const group = this.groupOf(tenant, flow.asked, flow.group.lane);
      if (group === flow.group) continue;
      flow.group.remove(flow);
      if (flow.group.rank === LOWEST) tenant.waitingLowest -= flow.size;
      if (group.rank === LOWEST) tenant.waitingLowest += flow.size;
      flow.group = group;
      if (flow.head !== null) this.stand(flow, flow.head);
    }
  }

  private forget(tenant: Tenant): void {
    const { accounts, flows, meters } = this.parts.rolls;
    for (const flow of tenant.flows) flows.leave(flow.slot);
    for (const meter of tenant.meters) meters.leave(meter.slot);
    accounts.leave(tenant.slot);
    this.tenants.delete(tenant.id);
  }

  private stand(flow: Flow, head: QueuedJob): void {
    flow.blocked = null;
    flow.group.set(flow, head.seq);
  }

  private drop(flow: Flow): void {
    const { flows } = flow.tenant;
    flow.group.remove(flow);
    if (flow.group.flows.size === 0) flow.group.pace.rest();
    if (flows.length <= FLOWS_KEPT) return;
    this.parts.rolls.flows.leave(flow.slot);
    const last = flows.pop();
    if (last !== undefined && last !== flow) flows[flows.indexOf(flow)] = last;
  }

  private flowOf(tenant: Tenant, job: QueuedJob): Flow {
    const lane = this.toolOf(job.template.tool).laneOf(job.need, this.parts.supplies);
    const asked = rankOf(job.template.class);
    for (const flow of tenant.flows) if (flow.asked === asked && flow.group.lane === lane) return flow;
    const flow = new Flow(
      tenant,
      tenant.meterOf(lane.tool, this.parts.rolls.meters),
      asked,
      this.groupOf(tenant, asked, lane),
      this.parts.rolls.flows,
    );
    tenant.flows.push(flow);
    return flow;
  }

  private groupOf(tenant: Tenant, asked: number, lane: Lane): Flow['group'] {
    const rank = tenant.rankOf(asked);
    const queue = this.parts.classes[rank];
    if (queue === undefined) throw new RangeError(`no class has rank ${rank}`);
    return queue.groupOf(lane);
  }

  private sessionOf({ extras, template }: QueuedJob): Session | undefined {
    const name = extras?.session;
    return name === undefined ? undefined : this.tenantOf(template.tenant).sessionOf(name);
  }
}
