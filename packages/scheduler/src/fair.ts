/**
 * Who runs next, and where: hierarchical start-time fair queueing. Tenants' accounts say who gets how much, charged by
 * runtime; classes say who waits less; gates say who must wait. Pure: times come in as arguments (ms, on a clock whose days
 * are UTC days), hosts and policies as data, decisions go out.
 *
 * P1  A job is handed out at most once each time it is put in, and only while it waits.
 * P2  No quota is exceeded: running jobs of a tenant, of a tenant's tool and of a tool, starts by rate, compute time a
 *     day, stored bytes.
 * P3  Runtime is shared by weight among tenants that want it (T1-T2 in tenant.ts), whatever classes, lanes and sessions they
 *     spread their jobs over; a newcomer's first job goes before the next job of those who had more.
 * P4  A class buys earlier turns and no share; the lowest keeps 1 % of decisions (K1-K4 in arbiter.ts).
 * P5  Jobs of a tenant in one class and lane run in order, those of one session one at a time; a job that comes back goes
 *     first.
 * P6  Work conserving: `wait` means that no waiting job may run on any host now.
 * P7  A call is O(log n) in jobs, tenants, lanes and hosts, amortised; a change of a tenant or tool, or the end of what
 *     blocked it, times its own flows (classes × lanes); a change of a host, times the shapes and pool keys in use.
 * P8  Of tenants that have nothing here a bounded number is remembered, and who is forgotten is decided alike (Z1-Z3 in
 *     idle.ts).
 */
import type { PriorityClass, TenantId, ToolName, WorkerId } from '@zerofleet/model';
import { Arbiter } from './arbiter.js';
import { Book } from './book.js';
import { beat } from './cadence.js';
import { ClassQueue } from './class-queue.js';
import { CLASSES, CLASS_PRICES, LOWEST, rankOf } from './classes.js';
import { explain, type Explanation } from './explain.js';
import type { Flow } from './flow.js';
import { IDLE_LIMITS, type IdleLimits } from './idle.js';
import { Rolls, type PauseCause } from './lane.js';
import { Leases, type Lease } from './lease.js';
import { checkPolicy, type TenantPolicy } from './policy.js';
import type { QueuedJob } from './queued-job.js';
import { SessionHosts } from './session-hosts.js';
import { Supplies, type FleetHost } from './supply.js';
import { Timers } from './timers.js';

/**
 * A job that starts. `home`: where its session ran last, so that no other warm container is taken. `warm`: in a container
 * that is there already.
 */
export interface Start<J extends QueuedJob> {
  readonly kind: 'run';
  readonly job: J;
  readonly worker: WorkerId;
  readonly warm: boolean;
  readonly home: boolean;
}

/** What is next. `wait`: nothing may run before something changes, or before `untilMs`. */
export type Turn<J extends QueuedJob> =
  Start<J> | { readonly kind: 'wait'; readonly untilMs: number | null } | { readonly kind: 'empty' };

/** What can be paused. */
export type Target =
  | { readonly kind: 'fleet' }
  | { readonly kind: 'class'; readonly class: PriorityClass }
  | { readonly kind: 'tool'; readonly tool: ToolName }
  | { readonly kind: 'tenant'; readonly tenant: TenantId };

/** What a turn beyond a tenant's share costs of its price (K2). */
const FLOOR_PRICE = 0.01;

export class FairScheduler<J extends QueuedJob = QueuedJob> {
  private readonly supplies = new Supplies();
  private readonly timers = new Timers();
  private readonly arbiter = new Arbiter();
  private readonly rolls = new Rolls();
  private readonly classes = CLASSES.map(
    (_, rank) => new ClassQueue(rank, this.supplies, this.timers, this.rolls),
  );
  private readonly book: Book;
  private readonly leases = new Leases();
  private readonly homes = new SessionHosts();
  /** The first flow of each class, by rank: kept for the next decision's use, so that it makes no garbage. */
  private readonly heads: (Flow | null)[] = CLASSES.map(() => null);
  private pausedBy: PauseCause | null = null;
  private originMs = NaN;
  private arrivals = 0;
  private returns = 0;

  constructor(idleLimits: IdleLimits = IDLE_LIMITS) {
    const { supplies, arbiter, classes, rolls } = this;
    this.book = new Book({ supplies, arbiter, classes, rolls, idleLimits });
  }

  /** Jobs that wait. */
  get size(): number {
    return this.book.waiting;
  }

  /** Tenants of which anything is known here. */
  get tenantCount(): number {
    return this.book.tenantCount;
  }

  /** Puts a job behind those of its tenant that wait. One that is in here already is left as it is. */
  add(job: J, nowMs: number): void {
    if (job.standing !== 'out') return;
    this.arrivals += 1;
    job.seq = this.arrivals;
    job.sinceMs = this.since(nowMs);
    this.book.sinceMs = job.sinceMs;
    this.book.enter(job, false);
  }

  /** Puts a job in front of those of its tenant that wait: its attempt ended without an outcome. */
  addFirst(job: J, nowMs: number): void {
    if (job.standing !== 'out') return;
    this.returns -= 1;
    job.seq = this.returns;
    job.sinceMs = this.since(nowMs);
    this.book.sinceMs = job.sinceMs;
    this.book.enter(job, true);
  }

  /** Takes a job out that waits, or that has its session's turn while it is away. */
  remove(job: J): void {
    if (job.standing === 'running') return;
    this.book.withdraw(job);
    this.book.passTurn(job);
    const tenant = this.book.find(job.template.tenant);
    if (tenant !== undefined) this.book.settle(tenant);
  }

  /** The next job and where it runs; it leaves the queue and holds what it was given until `ended` (P1, P6). */
  next(nowMs: number): Turn<J> {
    const sinceMs = this.since(nowMs);
    this.book.sinceMs = sinceMs;
    for (let tenant = this.timers.pop(nowMs); tenant !== undefined; tenant = this.timers.pop(nowMs))
      this.book.unblock(tenant);
    const flow = this.pausedBy === null ? this.choose(nowMs) : null;
    const job = flow?.head;
    if (flow && job) {
      const spot = this.supplies.take(flow.group.lane.supply, this.homes.of(job));
      if (spot === undefined) throw new Error('a shape was said to have room and has none');
      flow.group.pace.started(Math.max(flow.tenant.tag, this.arbiter.virtualMs), nowMs);
      beat(flow, sinceMs);
      this.start(job, flow, spot.warm, this.arbiter.title === 'floor' ? FLOOR_PRICE : 1, nowMs);
      this.homes.ran(job, spot.worker);
      return { kind: 'run', job: job as J, worker: spot.worker, warm: spot.warm, home: spot.home };
    }
    if (this.book.waiting === 0) return { kind: 'empty' };
    const { nextAtMs } = this.timers;
    return { kind: 'wait', untilMs: nextAtMs === Infinity ? null : nextAtMs };
  }

  /** A job runs that was not handed out here: another leader started it. `warm` and `worker`: as far as known. */
  adopt(job: J, nowMs: number, warm = true, worker?: WorkerId): void {
    if (job.standing === 'running') return;
    if (worker !== undefined) this.homes.ran(job, worker);
    if (job.flow === null) {
      this.book.withdraw(job);
      this.returns -= 1;
      job.seq = this.returns;
      this.book.enlist(job);
    }
    this.book.giveTurn(job);
    if (job.flow !== null) this.start(job, job.flow, warm, 1, nowMs);
  }

  /** A job has run for `ranMs` and goes on: what is beyond its estimate is charged at once, and not only at its end. */
  ran(job: J, ranMs: number): void {
    const { lease } = job;
    if (lease === null || ranMs <= lease.chargedMs) return;
    lease.tenant.owe((ranMs - lease.chargedMs) * lease.rate);
    lease.chargedMs = ranMs;
  }

  /**
   * A running job ended after `ranMs`; null: nothing of it ran. `again`: it will be put in once more, now or later, and keeps
   * its session's turn until then (or until it is removed).
   */
  ended(job: J, nowMs: number, ranMs: number | null, again = false): void {
    const { lease } = job;
    if (job.standing !== 'running' || lease === null) return;
    const { tenant, meter } = lease;
    const { tool } = meter;
    const { meters } = this.rolls;
    this.book.sinceMs = this.since(nowMs);
    job.lease = null;
    job.standing = 'out';
    tenant.running -= 1;
    meters.count(meter.slot, -1);
    tenant.reservedMs -= lease.reservedMs;
    tenant.reservedBytes -= lease.reservedBytes;
    if (ranMs !== null) {
      meters.learn(meter.slot, lease.warm, ranMs);
      meters.learn(tool.all.slot, lease.warm, ranMs);
      tenant.use(ranMs, nowMs);
    }
    this.correct(lease, ranMs ?? 0);
    this.leases.give(lease);
    tool.running -= 1;
    tool.reopen();
    if (!again) this.book.passTurn(job);
    this.book.unblock(tenant);
    this.book.settle(tenant);
  }

  /** What a tenant may use, from now on. Throws RangeError for a policy that means nothing. */
  setTenant(id: TenantId, policy: TenantPolicy, nowMs: number): void {
    const tenant = this.book.tenantOf(id);
    tenant.setPolicy(checkPolicy(policy), nowMs);
    this.book.regroup(tenant);
    this.book.unblock(tenant);
    this.book.settle(tenant);
  }

  /** How many jobs of a tool run at once on the whole fleet, at most. */
  setToolLimit(name: ToolName, runningMax: number): void {
    const tool = this.book.toolOf(name);
    tool.runningMax = runningMax;
    tool.reopen();
  }

  /** A host as it is now: all that is known of it is replaced. */
  setHost(host: FleetHost): void {
    this.supplies.set(host);
  }

  removeHost(worker: WorkerId): void {
    this.supplies.remove(worker);
  }

  /** A reign begins: what the leader before may have granted is not granted again. */
  takeOver(nowMs: number): void {
    for (const tenant of this.book.allTenants()) tenant.bucket?.empty(nowMs);
  }

  /** Compute time that a tenant has used on the day of `nowMs`, ms; without a quota of it as far as it is remembered. */
  computeUsedMs(id: TenantId, nowMs: number): number {
    return this.book.find(id)?.usedOn(nowMs) ?? 0;
  }

  /** Counts compute time that was used before this scheduler knew of it, on the day of `nowMs`. */
  countCompute(id: TenantId, ranMs: number, nowMs: number): void {
    const tenant = this.book.tenantOf(id);
    tenant.use(ranMs, nowMs);
    this.book.settle(tenant);
  }

  /** What a tenant has stored, bytes. */
  storedBytes(id: TenantId): number {
    return this.book.find(id)?.storedBytes ?? 0;
  }

  /** What a tenant has stored grew by `deltaBytes`, or shrank: then what waited for bytes may go on. */
  store(id: TenantId, deltaBytes: number): void {
    const tenant = this.book.tenantOf(id);
    tenant.store(deltaBytes);
    if (deltaBytes < 0) this.book.unblock(tenant);
    this.book.settle(tenant);
  }

  /** Starts nothing more of the target; what runs goes on. */
  pause(target: Target, cause: PauseCause = 'paused'): void {
    this.setPause(target, cause);
  }

  resume(target: Target): void {
    this.setPause(target, null);
  }

  /** Why a job waits, its place and how long it may take; undefined for one that does not wait here. */
  why(job: J, nowMs: number): Explanation | undefined {
    if (job.standing === 'out' || job.standing === 'running') return undefined;
    const { supplies, arbiter, classes, book } = this;
    const { tenant: id, tool: name, class: asked } = job.template;
    const tenant = book.tenantOf(id);
    const pausedBy = this.pausedBy ?? classes[tenant.rankOf(rankOf(asked))]?.pausedBy ?? null;
    const moment = { tenant, virtualMs: arbiter.virtualMs, nowMs, sinceMs: this.since(nowMs) };
    return explain(job, { ...moment, supplies, tool: book.toolOf(name), pausedBy });
  }

  private choose(nowMs: number): Flow | null {
    const { heads, classes } = this;
    for (let rank = 0; rank <= LOWEST; rank += 1) heads[rank] = classes[rank]?.head(nowMs) ?? null;
    return this.arbiter.choose(heads, this.since(nowMs));
  }

  /** Takes the job from its flow, charges it, and counts it with what runs. */
  private start(job: QueuedJob, flow: Flow, warm: boolean, share: number, nowMs: number): void {
    const { tenant, meterSlot } = flow;
    const { meters } = this.rolls;
    const { tool } = flow.group.lane;
    const estimateMs = meters.estimateMs(meterSlot, tool.all.slot, warm);
    const rate = (share * (CLASS_PRICES[flow.group.rank] as number)) / tenant.policy.weight;
    tenant.charge(estimateMs * rate, this.arbiter.virtualMs);
    this.book.withdraw(job);
    tenant.bucket?.take(nowMs);
    tenant.running += 1;
    tenant.reservedMs += job.timeoutMs;
    tenant.reservedBytes += job.need.outcomeBytesMax;
    meters.count(meterSlot, 1);
    tool.running += 1;
    job.standing = 'running';
    const lease = this.leases.take(tenant, flow.meter);
    lease.chargedMs = estimateMs;
    lease.rate = rate;
    lease.warm = warm;
    lease.reservedMs = job.timeoutMs;
    lease.reservedBytes = job.need.outcomeBytesMax;
    job.lease = lease;
  }

  /** The job took more than it was charged, or less. */
  private correct({ tenant, chargedMs, rate }: Lease, ranMs: number): void {
    const amount = (ranMs - chargedMs) * rate;
    if (amount >= 0) {
      tenant.owe(amount);
      this.book.follow(tenant);
    } else if (tenant.refund(-amount, chargedMs * rate, this.arbiter.virtualMs)) this.book.follow(tenant);
  }

  private setPause(target: Target, cause: PauseCause | null): void {
    switch (target.kind) {
      case 'fleet':
        this.pausedBy = cause;
        return;
      case 'class':
        for (const queue of this.classes) if (queue.rank === rankOf(target.class)) queue.pausedBy = cause;
        return;
      case 'tool': {
        const tool = this.book.toolOf(target.tool);
        tool.pausedBy = cause;
        tool.reopen();
        return;
      }
      case 'tenant': {
        const tenant = this.book.tenantOf(target.tenant);
        tenant.pausedBy = cause;
        this.book.unblock(tenant);
        this.book.settle(tenant);
      }
    }
  }

  /** Ms since the first call: small numbers take less room in a million jobs. */
  private since(nowMs: number): number {
    if (Number.isNaN(this.originMs)) this.originMs = nowMs;
    return Math.floor(nowMs - this.originMs);
  }
}
