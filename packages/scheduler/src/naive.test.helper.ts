/**
 * The fair scheduler once more, with no index at all: every question is answered by looking at everything. Slow, and simple
 * enough to be read against the invariants.
 */
import { AGE_MS, CLASS_PRICES, CLASS_WEIGHTS, CLASSES, type FleetHost, type TenantPolicy } from './index.js';
import { DEFAULT_POLICY } from './index.js';
import type { TestJob } from './fair.test.helper.js';

const LEAD_MS = 1_000;
const DAY_MS = 86_400_000;
const LOWEST = CLASSES.length - 1;

interface Account {
  policy: TenantPolicy;
  tag: number;
  credit: number;
  tokens: number;
  filledAtMs: number;
  usedMs: number;
  day: number;
  storedBytes: number;
}

interface Waiting {
  readonly job: TestJob;
  readonly seq: number;
  readonly sinceMs: number;
  held: boolean;
}

interface Running {
  readonly job: TestJob;
  readonly warm: boolean;
  readonly estimateMs: number;
  readonly rate: number;
}

/** What it would start, and how good a host it would take. */
export interface NaiveTurn {
  readonly kind: 'run' | 'wait' | 'empty';
  readonly job?: TestJob;
  readonly quality?: string;
  /** At the host of its session. */
  readonly home?: boolean;
  readonly worker?: string;
}

export class NaiveScheduler {
  waiting: Waiting[] = [];
  readonly running: Running[] = [];
  readonly hosts = new Map<string, FleetHost>();
  readonly paused = new Set<string>();
  readonly toolMax = new Map<string, number>();
  private readonly accounts = new Map<string, Account>();
  private readonly turns = new Map<string, TestJob>();
  private readonly homes = new Map<string, string>();
  private readonly means = new Map<string, number>();
  private readonly classTags = CLASSES.map(() => 0);
  private virtualMs = 0;
  private classTurn = 0;
  private tokens = 0;
  private floor = 0;
  private arrivals = 0;
  private returns = 0;

  add(job: TestJob, first: boolean, nowMs: number): void {
    const session = sessionOf(job);
    const turn = session === undefined ? undefined : this.turns.get(session);
    const held = turn !== undefined && turn !== job;
    const seq = first ? (this.returns -= 1) : (this.arrivals += 1);
    if (!held) this.wake(job);
    if (session !== undefined && !held) this.turns.set(session, job);
    this.waiting.push({ job, seq, sinceMs: Math.floor(nowMs), held });
  }

  remove(job: TestJob): void {
    this.waiting = this.waiting.filter((one) => one.job !== job);
    this.pass(job);
  }

  next(nowMs: number): NaiveTurn {
    if (this.waiting.length === 0) return { kind: 'empty' };
    const heads = CLASSES.map((_, rank) => this.head(rank, nowMs));
    const smallest = Math.min(...heads.map((head) => (head === undefined ? Infinity : this.tagOf(head))));
    if (smallest === Infinity) return { kind: 'wait' };
    this.virtualMs = Math.max(this.virtualMs, smallest);
    this.tokens = Math.min(4, this.tokens + 0.08);
    const lowest = heads[LOWEST];
    if (lowest !== undefined) this.floor = Math.min(1, this.floor + 1 / 85);
    const rank = this.aged(heads, nowMs) ?? this.floored(heads) ?? this.weighted(heads);
    if (rank === LOWEST) this.floor = Math.max(0, this.floor - 1);
    const head = heads[rank];
    if (head === undefined) throw new Error('chose a class without work');
    const floor = this.tagOf(head) > this.virtualMs + LEAD_MS;
    return this.start(head, rank, floor, nowMs);
  }

  ended(job: TestJob, nowMs: number, ranMs: number | null, again: boolean): void {
    const at = this.running.findIndex((one) => one.job === job);
    const [{ warm, estimateMs, rate }] = this.running.splice(at, 1) as [Running];
    const account = this.accountOf(job);
    if (ranMs !== null) {
      for (const who of [`${job.template.tenant} `, ''])
        this.learn(`${who}${job.template.tool}`, warm, ranMs);
      this.refreshDay(account, nowMs);
      account.usedMs += ranMs;
    }
    const delta = ((ranMs ?? 0) - estimateMs) * rate;
    if (delta >= 0) {
      const paid = Math.min(account.credit, delta);
      account.credit -= paid;
      account.tag += delta - paid;
    } else {
      const moved = Math.min(-delta, Math.max(0, account.tag - this.virtualMs));
      account.tag -= moved;
      if (this.waits(job.template.tenant))
        account.credit = Math.min(account.credit + -delta - moved, estimateMs * rate);
    }
    if (!again) this.pass(job);
  }

  setTenant(name: string, policy: TenantPolicy, nowMs: number): void {
    const account = this.account(name);
    const had = account.policy.rate;
    this.fill(account, nowMs);
    account.policy = policy;
    if (policy.rate === null) return;
    if (had === null) Object.assign(account, { tokens: 0, filledAtMs: nowMs });
    account.tokens = Math.min(account.tokens, policy.rate.burst);
  }

  store(name: string, deltaBytes: number): void {
    const account = this.account(name);
    account.storedBytes = Math.max(0, account.storedBytes + deltaBytes);
  }

  storedBytes(name: string): number {
    return this.account(name).storedBytes;
  }

  /** Whether `job` may be started now, by everything that could stop it. */
  mayRun(job: TestJob, nowMs: number): boolean {
    const { tenant, tool } = job.template;
    const account = this.account(tenant);
    const { policy } = account;
    const of = (test: (one: TestJob) => boolean): number =>
      this.running.filter((one) => test(one.job)).length;
    const reserved = this.running.filter((one) => one.job.template.tenant === tenant);
    this.fill(account, nowMs);
    this.refreshDay(account, nowMs);
    const storedBytes =
      account.storedBytes + reserved.reduce((sum, one) => sum + one.job.need.outcomeBytesMax, 0);
    const leftMs =
      policy.computeMsPerDay - account.usedMs - reserved.reduce((s, one) => s + one.job.timeoutMs, 0);
    return (
      !['fleet', `class ${CLASSES[this.rankOf(job)]}`, `tool ${tool}`, `tenant ${tenant}`].some((target) =>
        this.paused.has(target),
      ) &&
      of((one) => one.template.tenant === tenant) < policy.runningMax &&
      of((one) => one.template.tenant === tenant && one.template.tool === tool) <
        (policy.runningMaxByTool.get(tool) ?? Infinity) &&
      of((one) => one.template.tool === tool) < (this.toolMax.get(tool) ?? Infinity) &&
      leftMs >= job.timeoutMs &&
      storedBytes + job.need.outcomeBytesMax <= policy.storedBytesMax &&
      (policy.rate === null || account.tokens >= 1 - 1e-6) &&
      this.bestHost(job) !== undefined
    );
  }

  /** How good a host is for the job: the smaller the better. */
  quality(job: TestJob, host: FleetHost): string | undefined {
    const { room, mode, poolKey } = job.need;
    const { cpuMilli, memoryMiB } = host.free;
    if (host.mode !== mode || cpuMilli < room.cpuMilli || memoryMiB < room.memoryMiB) return undefined;
    const cold = (host.warm.get(poolKey) ?? 0) === 0;
    const away = this.isHome(job, host) ? 0 : 1;
    return [away, away * Number(cold), 1e9 - cpuMilli, 1e9 - memoryMiB]
      .map((n) => String(n).padStart(12, '0'))
      .join(' ');
  }

  /** Among hosts that are as good as each other the other one decides. */
  ranOn(job: TestJob, worker: string): void {
    const session = sessionOf(job);
    if (session !== undefined) this.homes.set(session, worker);
  }

  private isHome(job: TestJob, { worker }: FleetHost): boolean {
    const session = sessionOf(job);
    return session !== undefined && this.homes.get(session) === worker;
  }

  private head(rank: number, nowMs: number): Waiting | undefined {
    const flows = new Map<string, Waiting>();
    for (const one of this.waiting) {
      if (one.held || this.rankOf(one.job) !== rank) continue;
      const { tenant, tool, class: asked } = one.job.template;
      const key = [tenant, tool, asked, JSON.stringify(one.job.need)].join(' ');
      const known = flows.get(key);
      if (known === undefined || one.seq < known.seq) flows.set(key, one);
    }
    let best: Waiting | undefined;
    for (const one of flows.values()) {
      if (!this.mayRun(one.job, nowMs)) continue;
      const tag = this.tagOf(one);
      const bestTag = best === undefined ? Infinity : this.tagOf(best);
      if (tag < bestTag || (tag === bestTag && one.seq < (best?.seq ?? 0))) best = one;
    }
    return best;
  }

  private aged(heads: readonly (Waiting | undefined)[], nowMs: number): number | undefined {
    if (this.tokens < 1) return undefined;
    let best: number | undefined;
    let bestOverdue = 1;
    heads.forEach((head, rank) => {
      if (head === undefined || this.tagOf(head) > this.virtualMs + LEAD_MS) return;
      const overdue = (Math.floor(nowMs) - head.sinceMs) / (AGE_MS[rank] ?? NaN);
      if (overdue <= bestOverdue) return;
      best = rank;
      bestOverdue = overdue;
    });
    if (best !== undefined) this.tokens -= 1;
    return best;
  }

  private floored(heads: readonly (Waiting | undefined)[]): number | undefined {
    const head = heads[LOWEST];
    if (head === undefined || this.floor < 1 || this.tagOf(head) <= this.virtualMs + LEAD_MS)
      return undefined;
    const { tenant } = head.job.template;
    const others = this.waiting.filter((one) => !one.held && one.job.template.tenant === tenant);
    return others.every((one) => this.rankOf(one.job) === LOWEST) ? LOWEST : undefined;
  }

  private weighted(heads: readonly (Waiting | undefined)[]): number {
    let best = -1;
    heads.forEach((head, rank) => {
      if (head === undefined || this.tagOf(head) > this.virtualMs + LEAD_MS) return;
      if (best < 0 || (this.classTags[rank] ?? 0) < (this.classTags[best] ?? 0)) best = rank;
    });
    this.classTurn = Math.max(this.classTurn, this.classTags[best] ?? 0);
    this.classTags[best] = this.classTurn + 1 / (CLASS_WEIGHTS[best] ?? NaN);
    return best;
  }

  private start(head: Waiting, rank: number, floor: boolean, nowMs: number): NaiveTurn {
    const { job } = head;
    const host = this.bestHost(job);
    if (host === undefined) throw new Error('chose a job without room');
    const home = this.isHome(job, host);
    const warm = home || (host.warm.get(job.need.poolKey) ?? 0) > 0;
    const quality = this.quality(job, host);
    const account = this.accountOf(job);
    const estimateMs = this.estimate(job, warm);
    const rate = ((floor ? 0.01 : 1) * (CLASS_PRICES[rank] ?? NaN)) / account.policy.weight;
    const cost = estimateMs * rate;
    const paid = Math.min(account.credit, cost);
    account.credit -= paid;
    account.tag = Math.max(account.tag, this.virtualMs) + (cost - paid);
    if (account.policy.rate !== null) {
      this.fill(account, nowMs);
      account.tokens -= 1;
    }
    this.waiting = this.waiting.filter((one) => one !== head);
    this.running.push({ job, warm, estimateMs, rate });
    return { kind: 'run', job, home, worker: host.worker, ...(quality === undefined ? {} : { quality }) };
  }

  private bestHost(job: TestJob): FleetHost | undefined {
    let best: FleetHost | undefined;
    for (const host of this.hosts.values()) {
      const quality = this.quality(job, host);
      if (quality === undefined) continue;
      if (best === undefined || quality < (this.quality(job, best) ?? '')) best = host;
    }
    return best;
  }

  private pass(job: TestJob): void {
    const session = sessionOf(job);
    if (session === undefined || this.turns.get(session) !== job) return;
    this.turns.delete(session);
    const line = this.waiting.filter((one) => one.held && sessionOf(one.job) === session);
    const next = line.sort((a, b) => a.seq - b.seq)[0];
    if (next === undefined) return;
    this.wake(next.job);
    next.held = false;
    this.turns.set(session, next.job);
  }

  private wake(job: TestJob): void {
    if (this.waits(job.template.tenant)) return;
    const account = this.accountOf(job);
    account.credit = 0;
    account.tag = Math.max(account.tag, this.virtualMs - 0.001);
  }

  private waits(tenant: string): boolean {
    return this.waiting.some((one) => !one.held && one.job.template.tenant === tenant);
  }

  private estimate(job: TestJob, warm: boolean): number {
    const { tenant, tool } = job.template;
    const known = [warm, !warm].flatMap((how) => [`${tenant} ${tool} ${how}`, `${tool} ${how}`]);
    return Math.max(known.map((key) => this.means.get(key)).find((mean) => mean !== undefined) ?? 1_000, 0.1);
  }

  private learn(who: string, warm: boolean, ranMs: number): void {
    const key = `${who} ${warm}`;
    const known = this.means.get(key);
    this.means.set(key, known === undefined ? ranMs : known + 0.2 * (ranMs - known));
  }

  private rankOf(job: TestJob): number {
    const { ceiling } = this.accountOf(job).policy;
    return Math.max(CLASSES.indexOf(job.template.class), CLASSES.indexOf(ceiling));
  }

  private tagOf({ job }: Waiting): number {
    return this.accountOf(job).tag;
  }

  private accountOf(job: TestJob): Account {
    return this.account(job.template.tenant);
  }

  private account(name: string): Account {
    const known = this.accounts.get(name);
    if (known !== undefined) return known;
    const account: Account = {
      policy: DEFAULT_POLICY,
      tag: 0,
      credit: 0,
      tokens: 0,
      filledAtMs: 0,
      usedMs: 0,
      day: 0,
      storedBytes: 0,
    };
    this.accounts.set(name, account);
    return account;
  }

  private fill(account: Account, nowMs: number): void {
    const { rate } = account.policy;
    if (rate !== null)
      account.tokens = Math.min(
        rate.burst,
        account.tokens + ((nowMs - account.filledAtMs) * rate.perSecond) / 1_000,
      );
    account.filledAtMs = nowMs;
  }

  private refreshDay(account: Account, nowMs: number): void {
    const day = Math.floor(nowMs / DAY_MS);
    if (day === account.day) return;
    account.day = day;
    account.usedMs = 0;
  }
}

const sessionOf = ({ template, extras }: TestJob): string | undefined =>
  extras?.session === undefined ? undefined : `${template.tenant}/${extras.session}`;
