/** Forgetting idle tenants: no decision changes, and no more of them are remembered than may be. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostOf, NEED, policy, tenant, TestJob } from './fair.test.helper.js';
import { CLASSES, FairScheduler } from './index.js';

const TENANTS = Array.from({ length: 12 }, (_, n) => `t${n}`);
const POLICIES = [policy({}), policy({}), policy({ weight: 3 }), policy({ runningMax: 1 })];
const SLOTS = 3;
/** How long jobs of each tool take: what is learned of a tenant and of the tool is the same, so it may be forgotten. */
const RUN_MS = { x: 40, y: 300 };

const CALL = fc.tuple(
  fc
    .constantFrom(
      'add',
      'add',
      'add',
      'next',
      'next',
      'next',
      'next',
      'end',
      'end',
      'end',
      'end',
      'remove',
      'again',
    )
    .chain((what) =>
      fc.nat(60).map((n) => (n < 55 ? what : ((['policy', 'store', 'pause'] as const)[n % 3] ?? what))),
    ),
  fc.nat(1_000_000),
);

/** One that forgets at once and one that never does, side by side. */
class Pair {
  readonly forgetful = new FairScheduler<TestJob>({ kept: 0, max: Infinity });
  readonly faithful = new FairScheduler<TestJob>({ kept: Infinity, max: Infinity });
  private readonly running: [TestJob, TestJob][] = [];
  private readonly waiting: [TestJob, TestJob][] = [];
  /** Those to be tried again. */
  private readonly away: [TestJob, TestJob][] = [];
  private readonly stored = new Map<string, number>();
  private nowMs = 0;
  private serial = 0;
  starts = 0;

  constructor() {
    this.offer();
    for (const tool of ['x', 'y'] as const) this.teach(tool);
  }

  act(what: string, n: number): void {
    const name = TENANTS[n % TENANTS.length] as string;
    this.nowMs += n % 100;
    switch (what) {
      case 'add':
        return this.add(name, n);
      case 'next':
        return this.next();
      case 'end':
        return this.end(n);
      case 'again': {
        const [pair] = this.away.splice(n % Math.max(1, this.away.length), 1);
        if (pair === undefined) return;
        this.waiting.push(pair);
        return this.both((one, at) => one.addFirst(pair[at], this.nowMs));
      }
      case 'remove': {
        const [pair] = this.waiting.splice(n % Math.max(1, this.waiting.length), 1);
        if (pair !== undefined) this.both((one, at) => one.remove(pair[at]));
        return;
      }
      case 'policy': {
        const limits = POLICIES[Math.floor(n / 12) % POLICIES.length] ?? policy({});
        return this.both((one) => one.setTenant(tenant(name), { ...limits }, this.nowMs));
      }
      case 'store': {
        const had = this.stored.get(name) ?? 0;
        this.stored.set(name, had === 0 ? 10 : 0);
        return this.both((one) => one.store(tenant(name), had === 0 ? 10 : -10));
      }
      default:
        return this.both((one) =>
          n % 3 === 0
            ? one.pause({ kind: 'tenant', tenant: tenant(name) })
            : one.resume({ kind: 'tenant', tenant: tenant(name) }),
        );
    }
  }

  /** Every quota, account and count is alike. */
  check(): void {
    expect(this.forgetful.size).toBe(this.faithful.size);
    for (const name of TENANTS)
      expect(this.forgetful.storedBytes(tenant(name))).toBe(this.faithful.storedBytes(tenant(name)));
  }

  private teach(tool: 'x' | 'y'): void {
    this.add('teacher', tool === 'x' ? 0 : 1);
    this.next();
    this.end(1);
  }

  private add(name: string, n: number): void {
    this.serial += 1;
    const form = {
      tenant: name,
      tool: n % 2 === 0 ? 'x' : 'y',
      class: CLASSES[Math.floor(n / 24) % CLASSES.length] ?? ('normal' as const),
      need: NEED,
      ...(n % 5 === 0 ? { session: 's' } : {}),
    };
    const pair: [TestJob, TestJob] = [
      new TestJob(`j${this.serial}`, form),
      new TestJob(`j${this.serial}`, form),
    ];
    this.waiting.push(pair);
    this.both((one, at) => one.add(pair[at], this.nowMs));
  }

  private next(): void {
    const [turn, wanted] = [this.forgetful.next(this.nowMs), this.faithful.next(this.nowMs)];
    if (turn.kind !== 'run' || wanted.kind !== 'run') return expect(turn).toEqual(wanted);
    expect([turn.job.id, turn.worker]).toEqual([wanted.job.id, wanted.worker]);
    this.waiting.splice(
      this.waiting.findIndex(([job]) => job === turn.job),
      1,
    );
    this.running.push([turn.job, wanted.job]);
    this.starts += 1;
  }

  private end(n: number): void {
    const [pair] = this.running.splice(n % Math.max(1, this.running.length), 1);
    if (pair === undefined) return;
    const ranMs = n % 3 === 0 ? null : RUN_MS[pair[0].template.tool as 'x' | 'y'];
    const again = n % 4 === 0;
    this.both((one, at) => one.ended(pair[at], this.nowMs, ranMs, again));
    if (again) this.away.push(pair);
    this.offer();
  }

  private offer(): void {
    this.both((one) => one.setHost(hostOf(SLOTS - this.running.length)));
  }

  private both(act: (one: FairScheduler<TestJob>, at: 0 | 1) => void): void {
    act(this.forgetful, 0);
    act(this.faithful, 1);
  }
}

it('decides as one that forgets nobody', () => {
  let starts = 0;
  let forgotten = 0;
  fc.assert(
    fc.property(fc.array(CALL, { minLength: 100, maxLength: 400, size: 'max' }), (calls) => {
      const pair = new Pair();
      for (const [what, n] of calls) {
        pair.act(what, n);
        forgotten += pair.faithful.tenantCount - pair.forgetful.tenantCount;
      }
      pair.check();
      starts += pair.starts;
    }),
    { numRuns: 200, endOnFailure: true },
  );
  // The property must have had something to look at.
  expect(starts).toBeGreaterThan(2_000);
  expect(forgotten).toBeGreaterThan(5_000);
}, 60_000);

it('remembers no more than it may of many that came once', () => {
  const scheduler = new FairScheduler<TestJob>({ kept: 50, max: 100 });
  for (let n = 0; n < 20_000; n += 1) {
    scheduler.setHost(hostOf(1));
    scheduler.add(new TestJob(`j${n}`, { tenant: `t${n}` }), n);
    const turn = scheduler.next(n);
    if (turn.kind !== 'run') throw new Error('nothing ran');
    scheduler.ended(turn.job, n, 10);
    expect(scheduler.tenantCount).toBeLessThanOrEqual(101);
  }
  const { accounts, flows, meters } = scheduler['rolls'];
  for (const roll of [accounts, flows, meters]) expect(roll.items.length).toBeLessThan(110);
});

it('gives nothing of one that it forgot to one that comes in its place', () => {
  const scheduler = new FairScheduler<TestJob>({ kept: 0, max: 0 });
  const start = (): string => {
    scheduler.setHost(hostOf(1));
    const turn = scheduler.next(0);
    if (turn.kind !== 'run') throw new Error('nothing ran');
    scheduler.ended(turn.job, 0, turn.job.template.tenant === 'long' ? 60_000 : 10_000);
    return turn.job.template.tenant;
  };
  const names = ['kept', 'long', 'kept', 'new'];
  scheduler.setTenant(tenant('kept'), policy({ weight: 2 }), 0);
  for (const [n, name] of names.entries()) {
    scheduler.add(new TestJob(`j${n}`, { tenant: name }), 0);
    if (n < 2) start();
  }
  expect(scheduler.tenantCount).toBe(2);
  expect([start(), start()]).toEqual(['new', 'kept']);
});

it('remembers whom something was said of, or who has something stored', () => {
  const scheduler = new FairScheduler<TestJob>({ kept: 0, max: 3 });
  scheduler.setTenant(tenant('heavy'), policy({ weight: 2 }), 0);
  scheduler.pause({ kind: 'tenant', tenant: tenant('paused') });
  scheduler.store(tenant('full'), 5);
  for (let n = 0; n < 100; n += 1) {
    scheduler.setHost(hostOf(1));
    scheduler.add(new TestJob(`j${n}`, { tenant: `t${n}` }), n);
    const turn = scheduler.next(n);
    if (turn.kind === 'run') scheduler.ended(turn.job, n, 10);
  }
  expect(scheduler.tenantCount).toBeLessThan(10);
  expect(scheduler.storedBytes(tenant('full'))).toBe(5);
  const before = scheduler.tenantCount;
  scheduler.setTenant(tenant('heavy'), policy({}), 100);
  scheduler.resume({ kind: 'tenant', tenant: tenant('paused') });
  scheduler.store(tenant('full'), -5);
  expect(scheduler.tenantCount).toBeLessThanOrEqual(before - 2);
});

it('remembers whose session goes on, although the job that has the turn is away', () => {
  const scheduler = new FairScheduler<TestJob>({ kept: 0, max: 0 });
  scheduler.setHost(hostOf(4));
  const [first, second] = ['j1', 'j2'].map((name) => new TestJob(name, { tenant: 'a', session: 's' }));
  for (const job of [first, second]) scheduler.add(job as TestJob, 0);
  const start = (): TestJob | undefined => {
    const turn = scheduler.next(0);
    return turn.kind === 'run' ? turn.job : undefined;
  };
  expect(start()).toBe(first);
  scheduler.ended(first as TestJob, 0, 1, true);
  scheduler.addFirst(first as TestJob, 0);
  expect(start()).toBe(first);
  scheduler.ended(first as TestJob, 0, 1);
  expect(start()).toBe(second);
});
