/** The fair scheduler against one that looks at everything: the same jobs in the same order, whatever happens. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostOf, NEED, policy, tenant, TestJob, tool } from './fair.test.helper.js';
import { NaiveScheduler } from './naive.test.helper.js';
import { CLASSES, FairScheduler, type FleetHost, type Target, type TenantPolicy } from './index.js';

const TENANTS = ['a', 'b', 'c'];
const TOOLS = ['x', 'y'];
const SESSIONS = [undefined, undefined, undefined, 's', 't'];
const NEEDS = [
  NEED,
  { ...NEED, poolKey: 'k2', outcomeBytesMax: 30 },
  { ...NEED, room: { cpuMilli: 2_000, memoryMiB: 256 }, poolKey: 'wide' },
  { ...NEED, mode: 'process' as const },
];
const POLICIES: readonly TenantPolicy[] = [
  policy({}),
  policy({ weight: 5, ceiling: 'normal', storedBytesMax: 40 }),
  policy({ weight: 2, runningMax: 2, ceiling: 'batch' }),
  policy({ runningMaxByTool: new Map([[tool('x'), 1]]) }),
  policy({ rate: { perSecond: 2, burst: 2 } }),
  policy({ rate: { perSecond: 0.5, burst: 1 }, runningMax: 3 }),
  policy({ computeMsPerDay: 150_000 }),
  policy({ storedBytesMax: 100 }),
];
const TARGETS: readonly (readonly [string, Target])[] = [
  ['fleet', { kind: 'fleet' }],
  ['class high', { kind: 'class', class: 'high' }],
  ['tool x', { kind: 'tool', tool: tool('x') }],
  ['tenant a', { kind: 'tenant', tenant: tenant('a') }],
];
const HOSTS = ['h1', 'h2'];

const ITS = fc.nat(1_000_000);
const WHAT = fc.constantFrom<Action>(
  ...(['add', 'add', 'add', 'add', 'next', 'next', 'next', 'next', 'end', 'end'] as const),
  ...([
    'remove',
    'again',
    'policy',
    'pause',
    'resume',
    'host',
    'time',
    'drop',
    'limit',
    'store',
    'store',
  ] as const),
);
type Action =
  | 'add'
  | 'next'
  | 'end'
  | 'remove'
  | 'again'
  | 'policy'
  | 'pause'
  | 'resume'
  | 'host'
  | 'time'
  | 'drop'
  | 'limit'
  | 'store';

/** Both schedulers side by side, and what is the same for both. */
class Pair {
  readonly fair = new FairScheduler<TestJob>();
  readonly naive = new NaiveScheduler();
  readonly away: TestJob[] = [];
  nowMs = 0;
  starts = 0;
  /** Of them at their session's host. */
  homes = 0;
  private serial = 0;

  constructor() {
    for (const name of HOSTS) this.host(hostOf(3, { name, warm: new Map([['k', 1]]) }));
  }

  form(n: number): TestJob {
    const pick = <T>(items: readonly T[], by: number): T => items[Math.floor(n / by) % items.length] as T;
    const session = pick(SESSIONS, 7);
    this.serial += 1;
    return new TestJob(`j${this.serial}`, {
      tenant: pick(TENANTS, 1),
      tool: pick(TOOLS, 3),
      class: pick(CLASSES, 35),
      need: pick(NEEDS, 140),
      timeoutMs: pick([10_000, 60_000], 1_000),
      ...(session === undefined ? {} : { session }),
    });
  }

  host(host: FleetHost): void {
    this.fair.setHost(host);
    this.naive.hosts.set(host.worker, host);
  }

  next(): void {
    const turn = this.fair.next(this.nowMs);
    const wanted = this.naive.next(this.nowMs);
    expect([turn.kind, turn.kind === 'run' ? turn.job.id : '']).toEqual([wanted.kind, wanted.job?.id ?? '']);
    if (turn.kind === 'wait') this.expectNothingMayRun();
    if (turn.kind !== 'run') return;
    const host = this.naive.hosts.get(turn.worker) as FleetHost;
    expect(turn.home).toBe(wanted.home);
    if (turn.home) this.homes += 1;
    if (turn.home) expect(turn.worker).toBe(wanted.worker);
    else expect(this.naive.quality(turn.job, host)).toBe(wanted.quality);
    this.starts += 1;
    this.take(host, turn.job, turn.warm && !turn.home);
    this.naive.ranOn(turn.job, turn.worker);
  }

  end(n: number, again: boolean): void {
    const running = this.naive.running[n % Math.max(1, this.naive.running.length)];
    if (running === undefined) return;
    this.nowMs += n % 500;
    const ranMs = n % 5 === 0 ? null : n % 3_000;
    this.fair.ended(running.job, this.nowMs, ranMs, again);
    this.naive.ended(running.job, this.nowMs, ranMs, again);
    if (again) this.away.push(running.job);
  }

  private take(host: FleetHost, { need }: TestJob, warm: boolean): void {
    const left = new Map(host.warm);
    if (warm) left.set(need.poolKey, (left.get(need.poolKey) ?? 0) - 1);
    const { cpuMilli, memoryMiB } = host.free;
    const free = { cpuMilli: cpuMilli - need.room.cpuMilli, memoryMiB: memoryMiB - need.room.memoryMiB };
    this.naive.hosts.set(host.worker, { ...host, free, warm: left });
  }

  /** Work conserving, and every reason is one that the other sees too. */
  private expectNothingMayRun(): void {
    for (const { job, held } of this.naive.waiting) {
      const said = this.fair.why(job, this.nowMs);
      expect(said?.reason).toBeDefined();
      if (said?.reason !== 'paused') expect(said?.reason === 'session').toBe(held);
      expect(said?.quota !== null).toBe(said?.reason === 'quota');
    }
  }
}

const act = (pair: Pair, what: Action, n: number): void => {
  const { fair, naive } = pair;
  switch (what) {
    case 'add': {
      const job = pair.form(n);
      fair.add(job, pair.nowMs);
      return naive.add(job, false, pair.nowMs);
    }
    case 'next':
      for (let count = n % 4; count >= 0; count -= 1) pair.next();
      return;
    case 'end':
      return pair.end(n, n % 7 === 0);
    case 'again': {
      const [job] = pair.away.splice(n % Math.max(1, pair.away.length), 1);
      if (job === undefined) return;
      if (n % 2 === 0) fair.addFirst(job, pair.nowMs);
      else fair.add(job, pair.nowMs);
      return naive.add(job, n % 2 === 0, pair.nowMs);
    }
    case 'drop': {
      const [job] = pair.away.splice(n % Math.max(1, pair.away.length), 1);
      if (job === undefined) return;
      fair.remove(job);
      return naive.remove(job);
    }
    case 'remove': {
      const { job } = naive.waiting[n % Math.max(1, naive.waiting.length)] ?? {};
      if (job === undefined) return;
      fair.remove(job);
      return naive.remove(job);
    }
    case 'policy': {
      const name = TENANTS[n % TENANTS.length] ?? '';
      const next = POLICIES[Math.floor(n / 3) % POLICIES.length] ?? policy({});
      fair.setTenant(tenant(name), next, pair.nowMs);
      return naive.setTenant(name, next, pair.nowMs);
    }
    case 'pause':
    case 'resume': {
      const [name, target] = TARGETS[n % TARGETS.length] as (typeof TARGETS)[number];
      if (what === 'pause' && n % 5 === 0) {
        fair.pause(target);
        naive.paused.add(name);
      } else {
        fair.resume(target);
        naive.paused.delete(name);
      }
      return;
    }
    case 'limit': {
      const most = [0, 1, 2, Infinity, Infinity, Infinity][n % 6] ?? Infinity;
      fair.setToolLimit(tool('y'), most);
      naive.toolMax.set('y', most);
      return;
    }
    case 'host': {
      const name = HOSTS[n % HOSTS.length] ?? '';
      const warm = new Map([
        ['k', n % 3],
        ['k2', n % 2],
      ]);
      const mode = n % 11 === 0 ? 'process' : 'warm';
      return pair.host(hostOf(n % 12, { name, warm, mode }));
    }
    case 'store': {
      const name = TENANTS[n % TENANTS.length] ?? '';
      const deltaBytes = (Math.floor(n / 3) % 121) - 60;
      fair.store(tenant(name), deltaBytes);
      naive.store(name, deltaBytes);
      expect(fair.storedBytes(tenant(name))).toBe(naive.storedBytes(name));
      return;
    }
    case 'time':
      pair.nowMs += n % 20 === 0 ? 40_000_000 : n % 3_000;
  }
};

it('starts the same jobs in the same order as one that looks at everything', () => {
  let starts = 0;
  let homes = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(WHAT, ITS), { minLength: 100, maxLength: 300, size: 'max' }), (calls) => {
      const pair = new Pair();
      for (const [what, n] of calls) {
        act(pair, what, n);
        expect(pair.fair.size).toBe(pair.naive.waiting.length);
      }
      starts += pair.starts;
      homes += pair.homes;
    }),
    { numRuns: 200, endOnFailure: true },
  );
  // The property must have had something to look at.
  expect(starts).toBeGreaterThan(2_000);
  expect(homes).toBeGreaterThan(100);
}, 120_000);
