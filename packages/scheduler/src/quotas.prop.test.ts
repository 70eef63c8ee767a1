/** A long random history of many tenants: no quota is exceeded, every job ends, nothing is handed out twice. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostOf, NEED, policy, tenant, TestJob, tool } from './fair.test.helper.js';
import { CLASSES, FairScheduler, type TenantPolicy } from './index.js';

const TENANTS = 60;
const TOOLS = ['x', 'y', 'z'];
const TOOL_MAX = 9;
const STORED_MAX = 1_000;
const NEEDS = [0, 0, 100, 700].map((outcomeBytesMax) => ({ ...NEED, outcomeBytesMax }));
/** Half a day: the histories span several. */
const STEP_MS = 43_200_000;
const DAY_MS = 86_400_000;

/** mulberry32. */
const randomOf = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
};

interface Running {
  readonly job: TestJob;
  readonly startedMs: number;
}

class History {
  ops = 0;
  starts = 0;
  private readonly scheduler = new FairScheduler<TestJob>();
  private readonly random: (below: number) => number;
  private readonly policies: TenantPolicy[];
  private readonly running: Running[] = [];
  /** Times of the starts of each, ms. */
  private readonly started: number[][] = [];
  private readonly byTenant: number[] = [];
  private readonly byTool = new Map<string, number>();
  private readonly usedMs: number[] = [];
  private readonly reservedMs: number[] = [];
  private readonly storedBytes: number[] = [];
  private readonly reservedBytes: number[] = [];
  private waiting: TestJob[] = [];
  private nowMs = 0;
  private day = 0;
  private serial = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.policies = Array.from({ length: TENANTS }, (_, n) =>
      policy({
        weight: 1 + (n % 5),
        runningMax: n % 3 === 0 ? 3 : Infinity,
        runningMaxByTool: new Map(n % 4 === 0 ? [[tool('x'), 2]] : []),
        rate: n % 5 === 0 ? { perSecond: 2, burst: 4 } : null,
        computeMsPerDay: n % 7 === 0 ? 400_000 : Infinity,
        storedBytesMax: n % 6 === 0 ? STORED_MAX : Infinity,
        ceiling: CLASSES[n % CLASSES.length] ?? 'normal',
      }),
    );
    this.policies.forEach((one, n) => this.scheduler.setTenant(tenant(`t${n}`), one, 0));
    this.scheduler.setToolLimit(tool('y'), TOOL_MAX);
    const perTenant = [this.byTenant, this.usedMs, this.reservedMs, this.storedBytes, this.reservedBytes];
    for (const list of perTenant) list.push(...Array.from({ length: TENANTS }, () => 0));
    for (let n = 0; n < TENANTS; n += 1) this.started.push([]);
  }

  run(ops: number): void {
    while (this.ops < ops) {
      this.ops += 1;
      const dice = this.random(10);
      if (dice < 4) this.add();
      else if (dice < 8) this.next();
      else if (this.random(20) > 0) this.end();
      else this.expire();
    }
    this.finish();
  }

  private add(): void {
    const n = Math.min(this.random(TENANTS), this.random(TENANTS));
    const session = this.random(3) === 0 ? { session: `s${this.random(3)}` } : {};
    this.serial += 1;
    const job = new TestJob(`j${this.serial}`, {
      tenant: `t${n}`,
      tool: TOOLS[this.random(TOOLS.length)] ?? 'x',
      class: CLASSES[this.random(CLASSES.length)] ?? 'normal',
      timeoutMs: 1_000 * (1 + this.random(60)),
      need: NEEDS[this.random(NEEDS.length)] ?? NEED,
      ...session,
    });
    this.scheduler.add(job, this.nowMs);
    this.waiting.push(job);
    if (this.random(20) > 0) return;
    const [gone] = this.waiting.splice(this.random(this.waiting.length), 1);
    if (gone !== undefined && gone.standing !== 'running' && gone.standing !== 'out')
      this.scheduler.remove(gone);
    else if (gone !== undefined) this.waiting.push(gone);
  }

  private next(): void {
    this.nowMs += this.random(5_000) === 0 ? STEP_MS : this.random(200);
    this.refreshDay();
    this.scheduler.setHost(hostOf(Math.max(0, 30 - this.running.length)));
    const turn = this.scheduler.next(this.nowMs);
    if (turn.kind !== 'run') return;
    this.starts += 1;
    const { job } = turn;
    const n = Number(job.template.tenant.slice(1));
    const { tool: name } = job.template;
    this.running.push({ job, startedMs: this.nowMs });
    this.count(n, name, 1);
    this.started[n]?.push(this.nowMs);
    this.reservedMs[n] = (this.reservedMs[n] ?? 0) + job.timeoutMs;
    this.reservedBytes[n] = (this.reservedBytes[n] ?? 0) + job.need.outcomeBytesMax;
    this.check(n, name);
  }

  private check(n: number, name: string): void {
    const { runningMax, runningMaxByTool, rate, computeMsPerDay, storedBytesMax } = this.policies[
      n
    ] as TenantPolicy;
    const most = runningMaxByTool.get(tool(name)) ?? Infinity;
    if ((this.byTenant[n] ?? 0) > runningMax) throw new Error('more than runningMax run');
    if ((this.byTool.get(`${n} ${name}`) ?? 0) > most)
      throw new Error('more of a tool run than a tenant may');
    if (name === 'y' && (this.byTool.get(name) ?? 0) > TOOL_MAX)
      throw new Error('more of a tool run than may');
    if (rate !== null) checkRate(this.started[n] ?? [], rate);
    if ((this.usedMs[n] ?? 0) + (this.reservedMs[n] ?? 0) > computeMsPerDay)
      throw new Error('too much compute');
    if ((this.storedBytes[n] ?? 0) + (this.reservedBytes[n] ?? 0) > storedBytesMax)
      throw new Error('too much stored');
  }

  private end(): void {
    const [one] = this.running.splice(this.random(Math.max(1, this.running.length)), 1);
    if (one === undefined) return;
    const { job, startedMs } = one;
    const n = Number(job.template.tenant.slice(1));
    this.nowMs += this.random(100);
    this.refreshDay();
    const ranMs = Math.min(this.nowMs - startedMs, job.timeoutMs);
    this.usedMs[n] = (this.usedMs[n] ?? 0) + ranMs;
    this.reservedMs[n] = (this.reservedMs[n] ?? 0) - job.timeoutMs;
    this.count(n, job.template.tool, -1);
    this.reservedBytes[n] = (this.reservedBytes[n] ?? 0) - job.need.outcomeBytesMax;
    const again = this.random(10) === 0;
    this.scheduler.ended(job, this.nowMs, ranMs, again);
    if (again) this.scheduler.addFirst(job, this.nowMs);
    else this.store(n, this.random(job.need.outcomeBytesMax + 1));
  }

  private store(n: number, deltaBytes: number): void {
    this.storedBytes[n] = (this.storedBytes[n] ?? 0) + deltaBytes;
    this.scheduler.store(tenant(`t${n}`), deltaBytes);
  }

  /** What some tenant has stored expires. */
  private expire(): void {
    const n = this.random(TENANTS);
    this.store(n, -this.random((this.storedBytes[n] ?? 0) + 1));
  }

  /** With nothing new, all that waits gets its turn: a day for each look, until the queue is empty. */
  private finish(): void {
    for (let rounds = 0; this.scheduler.size > 0; rounds += 1) {
      if (rounds > 1_000_000) throw new Error(`${this.scheduler.size} jobs are left behind`);
      this.nowMs += 500;
      this.next();
      if (this.running.length >= 20 || rounds % 3 === 0) this.end();
      if (rounds % 5 === 0) this.expire();
      if (rounds % 1_000 === 0) this.nowMs += STEP_MS;
    }
  }

  private count(n: number, name: string, by: number): void {
    this.byTenant[n] = (this.byTenant[n] ?? 0) + by;
    for (const key of [`${n} ${name}`, name]) this.byTool.set(key, (this.byTool.get(key) ?? 0) + by);
  }

  private refreshDay(): void {
    const day = Math.floor(this.nowMs / DAY_MS);
    if (day === this.day) return;
    this.day = day;
    this.usedMs.fill(0);
  }
}

/** Between a start and the one `burst` before it a token must have come. */
const checkRate = (
  started: readonly number[],
  { perSecond, burst }: { perSecond: number; burst: number },
): void => {
  const last = started.at(-1) ?? 0;
  const before = started.at(-1 - burst) ?? 0;
  if (last - before < 1_000 / perSecond - 1e-3) throw new Error('started faster than the rate');
};

it('exceeds no quota in a million operations, and leaves no job behind', () => {
  let ops = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const history = new History(seed);
      history.run(100_000);
      ops += history.ops;
      expect(history.starts).toBeGreaterThan(10_000);
    }),
    { numRuns: 10, endOnFailure: true },
  );
  expect(ops).toBeGreaterThanOrEqual(1_000_000);
}, 120_000);
