/**
 * A tenant's account and what it may still start. One account over all its classes, lanes and sessions: splitting work up
 * among them moves the same number.
 *
 * T1  `tag` is the virtual time from which its next job runs, in ms of runtime over weight. A charge starts at
 *     max(tag, virtual time): idleness saves nothing up.
 * T2  What was charged too much comes back: to the tag down to the virtual time, beyond that as credit, at most one job's
 *     charge, that pays for the next ones. (With nobody else there the virtual time runs with a tenant's own wrong charges:
 *     more credit than that would put it before newcomers for long.) A tenant that went idle has no credit.
 * T3  Compute time of a day is set aside at the start, by the job's time limit: used + reserved never exceeds the quota.
 * T4  So are stored bytes, by what the outcome may store at most: no start takes stored + reserved beyond the quota.
 */
import type { TenantId } from '@zerofleet/model';
import type { Accounts } from './accounts.js';
import { rankOf } from './classes.js';
import type { Block, Flow } from './flow.js';
import type { PauseCause, Tool } from './lane.js';
import { Meter, type Meters } from './meter.js';
import { DEFAULT_POLICY, isDefault, type TenantPolicy } from './policy.js';
import type { QueuedJob } from './queued-job.js';
import { RateBucket } from './rate-bucket.js';
import { Session } from './session.js';

/** By how much a newcomer goes before others of the same account, virtual ms. It is charged from where they are. */
const HAIR_MS = 0.001;
/** A UTC day, ms. */
export const DAY_MS = 86_400_000;

export class Tenant {
  readonly id: TenantId;
  policy: TenantPolicy = DEFAULT_POLICY;
  /** The number of its account. */
  readonly slot: number;
  private readonly accounts: Accounts;
  /** Jobs in flows. */
  waiting = 0;
  /** Those of them in the lowest class. */
  waitingLowest = 0;
  running = 0;
  pausedBy: PauseCause | null = null;
  /** Those with jobs. */
  readonly flows: Flow[] = [];
  bucket: RateBucket | null = null;
  /** When a timer will look at it again, ms; Infinity when none is set. */
  timerAtMs = Infinity;
  reservedMs = 0;
  reservedBytes = 0;
  /** Stands among the idle ones, and before which of them. */
  isInLine = false;
  nextIdle: Tenant | null = null;
  private storedNow = 0;
  private usedMs = 0;
  private day = 0;
  /** Of the tools that it used. */
  readonly meters: Meter[] = [];
  private sessions: Map<string, Session> | null = null;

  constructor(id: TenantId, accounts: Accounts) {
    this.id = id;
    this.accounts = accounts;
    this.slot = accounts.enter(this);
  }

  /** Nothing of it is here, and nothing said of it (Z1 in idle.ts). */
  get isIdle(): boolean {
    return (
      this.waiting === 0 &&
      this.running === 0 &&
      (this.sessions === null || this.sessions.size === 0) &&
      this.storedNow === 0 &&
      this.pausedBy === null &&
      isDefault(this.policy)
    );
  }

  /** Whether a newcomer's account would stand where its own will when it comes back. */
  isForgettable(virtualMs: number): boolean {
    return this.tag <= virtualMs - HAIR_MS && this.timerAtMs === Infinity;
  }

  get tag(): number {
    return this.accounts.tag(this.slot);
  }

  get credit(): number {
    return this.accounts.credit(this.slot);
  }

  setPolicy(policy: TenantPolicy, nowMs: number): void {
    this.policy = policy;
    const { rate } = policy;
    if (rate === null) this.bucket = null;
    else if (this.bucket === null) this.bucket = new RateBucket(rate.perSecond, rate.burst, nowMs);
    else this.bucket.change(rate.perSecond, rate.burst, nowMs);
  }

  /** The class, by rank, that jobs run in which ask for the one of rank `asked`. */
  rankOf(asked: number): number {
    return Math.max(asked, rankOf(this.policy.ceiling));
  }

  meterOf(tool: Tool, all: Meters): Meter {
    for (const meter of this.meters) if (meter.tool === tool) return meter;
    const meter = new Meter(tool, all);
    this.meters.push(meter);
    return meter;
  }

  sessionOf(name: string): Session {
    this.sessions ??= new Map();
    const known = this.sessions.get(name);
    if (known !== undefined) return known;
    const session = new Session(name);
    this.sessions.set(name, session);
    return session;
  }

  /** The session if it has a job here. */
  findSession(name: string): Session | undefined {
    return this.sessions?.get(name);
  }

  forgetSession(name: string): void {
    this.sessions?.delete(name);
  }

  /** Why `job`, first of a flow with this meter, may not start now; null when it may. */
  blockOf(meter: Meter, job: QueuedJob, nowMs: number): Block | null {
    const { policy } = this;
    if (this.pausedBy !== null) return 'paused';
    if (this.running >= policy.runningMax) return 'running';
    if (policy.runningMaxByTool.size > 0) {
      const most = policy.runningMaxByTool.get(meter.tool.name);
      if (most !== undefined && meter.running >= most) return 'tool_running';
    }
    if (policy.computeMsPerDay !== Infinity && this.computeLeftMs(nowMs) < job.timeoutMs) return 'compute';
    if (policy.storedBytesMax !== Infinity && this.storedLeft < job.need.outcomeBytesMax) return 'stored';
    if (this.bucket !== null && this.bucket.readyAtMs(nowMs) > nowMs) return 'rate';
    return null;
  }

  /** Compute time of the day that is neither used nor set aside, ms (T3). */
  computeLeftMs(nowMs: number): number {
    return this.policy.computeMsPerDay - this.usedOn(nowMs) - this.reservedMs;
  }

  /** Compute time used on the day of `nowMs`, ms. */
  usedOn(nowMs: number): number {
    const day = Math.floor(nowMs / DAY_MS);
    if (day > this.day) {
      this.day = day;
      this.usedMs = 0;
    }
    return this.usedMs;
  }

  use(ranMs: number, nowMs: number): void {
    this.usedMs = this.usedOn(nowMs) + ranMs;
  }

  /** What it has stored, bytes. */
  get storedBytes(): number {
    return this.storedNow;
  }

  /** Bytes that are neither stored nor set aside (T4). */
  get storedLeft(): number {
    return this.policy.storedBytesMax - this.storedNow - this.reservedBytes;
  }

  /** Never below nothing: a ledger that was purged may tell only of the end of what was stored. */
  store(deltaBytes: number): void {
    if (!Number.isFinite(deltaBytes)) throw new RangeError('what is stored must be a number of bytes');
    this.storedNow = Math.max(0, this.storedNow + deltaBytes);
  }

  /** Moves the account on by `cost` virtual ms (T1, T2). */
  charge(cost: number, virtualMs: number): void {
    const { tag, credit } = this;
    const paid = Math.min(credit, cost);
    this.put(Math.max(tag, virtualMs) + (cost - paid), credit - paid);
  }

  /** Moves the account on by what a job cost beyond its charge. */
  owe(amount: number): void {
    const { tag, credit } = this;
    const paid = Math.min(credit, amount);
    this.put(tag + (amount - paid), credit - paid);
  }

  /** Gives back `amount` of the `charge` of one job, virtual ms; true when the tag moved (T2). */
  refund(amount: number, charge: number, virtualMs: number): boolean {
    const { tag, credit } = this;
    const moved = Math.min(amount, Math.max(0, tag - virtualMs));
    this.put(tag - moved, this.waiting > 0 ? Math.min(credit + amount - moved, charge) : credit);
    return moved > 0;
  }

  /** Work came after there was none (T1, T2): a hair before those whose turn it is, who have had some. */
  wake(virtualMs: number): void {
    this.put(Math.max(this.tag, virtualMs - HAIR_MS), 0);
  }

  private put(tag: number, credit: number): void {
    this.accounts.setTag(this.slot, tag);
    this.accounts.setCredit(this.slot, credit);
  }
}
