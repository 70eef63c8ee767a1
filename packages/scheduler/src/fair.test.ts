/** The fair scheduler by example: order, gates, sessions, classes, placement, reasons. */
import { describe, expect, it } from 'vitest';
import { drain, hostOf, NEED, policy, tenant, TestJob, tool, type JobForm } from './fair.test.helper.js';
import { FairScheduler, type Turn } from './index.js';

const one = hostOf(1);
let serial = 0;
const job = (form: JobForm): TestJob => new TestJob(`${form.tenant}-${(serial += 1)}`, form);
const put = (scheduler: FairScheduler<TestJob>, count: number, form: JobForm): TestJob[] => {
  const jobs = Array.from({ length: count }, () => job(form));
  for (const each of jobs) scheduler.add(each, 0);
  return jobs;
};
const fresh = (...hosts: Parameters<FairScheduler['setHost']>[0][]): FairScheduler<TestJob> => {
  const scheduler = new FairScheduler<TestJob>();
  for (const host of hosts) scheduler.setHost(host);
  return scheduler;
};
const ran = (turn: Turn<TestJob>): TestJob => {
  if (turn.kind !== 'run') throw new Error(`nothing ran: ${turn.kind}`);
  return turn.job;
};
/** Within what a rate's sums may be rounded by. */
const closeTo = (value: number): unknown => expect.closeTo(value, 2);
const owners = (names: readonly string[]): string => names.map((name) => name[0]).join('');

describe('order', () => {
  it('runs the jobs of a tenant as they came, over its tools too, and those that come back first', () => {
    const scheduler = fresh();
    const jobs = ['x', 'y', 'x', 'y'].map((name) => job({ tenant: 'a', tool: name }));
    for (const each of jobs) scheduler.add(each, 0);
    const back = job({ tenant: 'a' });
    scheduler.addFirst(back, 0);
    expect(drain(scheduler, one)).toEqual([back, ...jobs].map(({ id }) => id));
    expect(scheduler.next(0)).toEqual({ kind: 'empty' });
  });

  it('takes turns between tenants by weight', () => {
    const scheduler = fresh();
    scheduler.setTenant(tenant('b'), policy({ weight: 3 }), 0);
    for (const name of ['a', 'b']) put(scheduler, 40, { tenant: name });
    const first = owners(drain(scheduler, one, 100, 40));
    expect(first.split('a').length - 1).toBeGreaterThanOrEqual(9);
    expect(first.split('a').length - 1).toBeLessThanOrEqual(11);
  });

  it('serves a newcomer next, however much somebody else has waiting', () => {
    const scheduler = fresh();
    put(scheduler, 1_000, { tenant: 'a' });
    drain(scheduler, one, 100, 10);
    put(scheduler, 1, { tenant: 'b' });
    expect(owners(drain(scheduler, one, 100, 1))).toBe('b');
  });

  it('charges a job that runs longer than it was taken to, while it runs', () => {
    const startedAfter = (ranMs: number): string => {
      const scheduler = fresh(hostOf(2));
      const [long] = put(scheduler, 5, { tenant: 'a' }) as [TestJob];
      put(scheduler, 5, { tenant: 'b' });
      expect(ran(scheduler.next(0))).toBe(long);
      scheduler.ran(long, ranMs);
      return owners(drain(scheduler, one, 1_000, 4));
    };
    expect(startedAfter(1_000)).toBe('baba');
    expect(startedAfter(60_000)).toBe('bbbb');
  });

  it('hands out no job twice, and none that was taken out', () => {
    const scheduler = fresh(hostOf(8));
    const [first, second, third] = put(scheduler, 3, { tenant: 'a' }) as [TestJob, TestJob, TestJob];
    scheduler.add(first, 0);
    scheduler.remove(second);
    expect(scheduler.size).toBe(2);
    expect([ran(scheduler.next(0)), ran(scheduler.next(0))]).toEqual([first, third]);
    scheduler.add(first, 0);
    expect(scheduler.next(0)).toEqual({ kind: 'empty' });
  });
});

describe('gates', () => {
  const startable = (scheduler: FairScheduler<TestJob>, nowMs = 0): TestJob[] => {
    const jobs: TestJob[] = [];
    for (let turn = scheduler.next(nowMs); turn.kind === 'run'; turn = scheduler.next(nowMs))
      jobs.push(turn.job);
    return jobs;
  };

  it('keep a tenant, a tenant and tool, and a tool within what may run', () => {
    const scheduler = fresh(hostOf(100));
    scheduler.setTenant(
      tenant('a'),
      policy({ runningMax: 5, runningMaxByTool: new Map([[tool('x'), 2]]) }),
      0,
    );
    scheduler.setToolLimit(tool('y'), 3);
    for (const name of ['x', 'y', 'z']) put(scheduler, 4, { tenant: 'a', tool: name });
    put(scheduler, 4, { tenant: 'b', tool: 'y' });
    const running = startable(scheduler);
    const count = (name: string, by: string): number =>
      running.filter(({ template }) => template.tenant === name && template.tool === by).length;
    expect(count('a', 'x')).toBe(2);
    expect(count('a', 'y') + count('b', 'y')).toBe(3);
    expect(count('a', 'x') + count('a', 'y') + count('a', 'z')).toBe(5);
    expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: null });
    const done = running.find(({ template }) => template.tool === 'x') as TestJob;
    scheduler.ended(done, 1, 1);
    expect(startable(scheduler)).toHaveLength(1);
  });

  it('start jobs at the rate that was granted, from an empty bucket', () => {
    const scheduler = fresh(hostOf(100));
    scheduler.setTenant(tenant('a'), policy({ rate: { perSecond: 10, burst: 3 } }), 0);
    put(scheduler, 20, { tenant: 'a' });
    expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: closeTo(100) });
    expect(startable(scheduler, 100)).toHaveLength(1);
    expect(startable(scheduler, 10_000)).toHaveLength(3);
    expect(scheduler.next(10_000)).toMatchObject({ kind: 'wait' });
  });

  it('grant nothing at the beginning of a reign that the one before may have granted', () => {
    const scheduler = fresh(hostOf(100));
    scheduler.setTenant(tenant('a'), policy({ rate: { perSecond: 10, burst: 3 } }), 0);
    put(scheduler, 5, { tenant: 'a' });
    scheduler.takeOver(10_000);
    expect(scheduler.next(10_000)).toEqual({ kind: 'wait', untilMs: closeTo(10_100) });
  });

  it('set compute time aside by the time limit, and begin anew each day', () => {
    const scheduler = fresh(hostOf(100));
    scheduler.setTenant(tenant('a'), policy({ computeMsPerDay: 25_000 }), 0);
    put(scheduler, 6, { tenant: 'a', timeoutMs: 10_000 });
    const [first] = startable(scheduler) as [TestJob, TestJob];
    expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: 86_400_000 });
    scheduler.ended(first, 4_000, 4_000);
    expect(startable(scheduler, 4_000)).toHaveLength(1);
    expect(scheduler.computeUsedMs(tenant('a'), 4_000)).toBe(4_000);
    expect(startable(scheduler, 86_400_000)).toHaveLength(0);
    scheduler.setTenant(tenant('a'), policy({ computeMsPerDay: 40_000 }), 4_000);
    expect(startable(scheduler, 86_400_000)).toHaveLength(2);
  });

  it('set stored bytes aside by what an outcome may store, and go on when some are deleted', () => {
    const scheduler = fresh(hostOf(100));
    scheduler.setTenant(tenant('a'), policy({ storedBytesMax: 100 }), 0);
    const jobs = put(scheduler, 6, { tenant: 'a', need: { ...NEED, outcomeBytesMax: 40 } });
    const [free] = put(scheduler, 1, { tenant: 'b', need: { ...NEED, outcomeBytesMax: 1_000 } });
    expect(startable(scheduler)).toEqual([jobs[0], free, jobs[1]]);
    expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: null });
    expect(scheduler.why(jobs[2] as TestJob, 0)).toMatchObject({ quota: 'stored', waitMs: null });
    scheduler.store(tenant('a'), 5);
    scheduler.ended(jobs[0] as TestJob, 1, 1);
    expect(startable(scheduler, 1)).toEqual([jobs[2]]);
    scheduler.store(tenant('a'), 16);
    scheduler.ended(jobs[1] as TestJob, 2, 1);
    expect(startable(scheduler, 2)).toEqual([]);
    scheduler.store(tenant('a'), -1);
    expect(scheduler.storedBytes(tenant('a'))).toBe(20);
    expect(startable(scheduler, 2)).toEqual([jobs[3]]);
  });

  it('refuse bytes that are no number, so that a quota of them always adds up', () => {
    const scheduler = fresh(hostOf(1));
    for (const wrong of [NaN, Infinity]) {
      expect(() => scheduler.store(tenant('a'), wrong)).toThrow(RangeError);
      const endless = job({ tenant: 'a', need: { ...NEED, outcomeBytesMax: wrong } });
      expect(() => scheduler.add(endless, 0)).toThrow(RangeError);
    }
    expect([scheduler.storedBytes(tenant('a')), scheduler.size]).toEqual([0, 0]);
  });

  it('hold what is paused and let it go when it is resumed', () => {
    const targets = [
      { kind: 'fleet' },
      { kind: 'class', class: 'normal' },
      { kind: 'tool', tool: tool('tool') },
      { kind: 'tenant', tenant: tenant('a') },
    ] as const;
    for (const target of targets) {
      const scheduler = fresh(hostOf(4));
      const [first] = put(scheduler, 2, { tenant: 'a' }) as [TestJob];
      scheduler.pause(target);
      expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: null });
      expect(scheduler.why(first, 0)).toMatchObject({ reason: 'paused', waitMs: null });
      scheduler.pause(target, 'rollout');
      expect(scheduler.why(first, 0)).toMatchObject({ reason: 'rollout' });
      scheduler.resume(target);
      expect(startable(scheduler)).toHaveLength(2);
    }
  });

  it('clamp classes to the ceiling, for what waits already too, without losing the order', () => {
    const scheduler = fresh();
    const jobs = (['interactive', 'normal', 'interactive', 'batch'] as const).map((name) =>
      job({ tenant: 'a', class: name }),
    );
    for (const each of jobs) scheduler.add(each, 0);
    scheduler.setTenant(tenant('a'), policy({ ceiling: 'batch' }), 0);
    expect(drain(scheduler, one, 1)).toEqual(jobs.map(({ id }) => id));
  });

  it('refuse a policy that means nothing', () => {
    const scheduler = fresh();
    for (const wrong of [
      { weight: 0 },
      { weight: NaN },
      { runningMax: -1 },
      { storedBytesMax: -1 },
      { storedBytesMax: NaN },
      { rate: { perSecond: NaN, burst: 1 } },
    ])
      expect(() => scheduler.setTenant(tenant('a'), policy(wrong), 0)).toThrow(RangeError);
  });
});

describe('sessions', () => {
  it('run their jobs one at a time and in order, beside the rest', () => {
    const scheduler = fresh(hostOf(10));
    const [s1, s2, s3] = put(scheduler, 3, { tenant: 'a', session: 's' }) as [TestJob, TestJob, TestJob];
    const [free] = put(scheduler, 1, { tenant: 'a' }) as [TestJob];
    expect(ran(scheduler.next(0))).toBe(s1);
    expect(ran(scheduler.next(0))).toBe(free);
    expect(scheduler.next(0).kind).toBe('wait');
    expect(scheduler.why(s3, 0)).toMatchObject({ reason: 'session', position: 1 });
    scheduler.ended(s1, 5, 5, true);
    expect(scheduler.next(5).kind).toBe('wait');
    scheduler.addFirst(s1, 6);
    expect(ran(scheduler.next(6))).toBe(s1);
    scheduler.ended(s1, 7, 1);
    scheduler.remove(s2);
    expect(ran(scheduler.next(7))).toBe(s3);
    scheduler.ended(s3, 8, 1);
    expect(scheduler.next(8)).toEqual({ kind: 'empty' });
  });

  it('go on when the job that has the turn is taken out while it is away', () => {
    const scheduler = fresh(hostOf(10));
    const [s1, s2] = put(scheduler, 2, { tenant: 'a', session: 's' }) as [TestJob, TestJob];
    scheduler.next(0);
    scheduler.ended(s1, 1, null, true);
    scheduler.remove(s1);
    expect(ran(scheduler.next(1))).toBe(s2);
  });
});

describe('classes', () => {
  const shares = (forms: readonly JobForm[], each: number, decisions: number): Record<string, number> => {
    const scheduler = fresh();
    for (const form of forms) put(scheduler, each, form);
    const seen: Record<string, number> = {};
    for (const name of drain(scheduler, one, 10, decisions)) {
      const owner = name.split('-')[0] ?? '';
      seen[owner] = (seen[owner] ?? 0) + 1 / decisions;
    }
    return seen;
  };

  it('serve a higher class first when a tenant within its share asks for it', () => {
    const scheduler = fresh();
    for (const name of ['a', 'b']) put(scheduler, 50, { tenant: name, class: 'batch' });
    drain(scheduler, one, 10, 20);
    const [urgent] = put(scheduler, 1, { tenant: 'c', class: 'interactive' }) as [TestJob];
    expect(drain(scheduler, one, 10, 1)).toEqual([urgent.id]);
  });

  it('promote what waited beyond its bound, in a bounded share of decisions', () => {
    const lateMs = 3_600_001;
    const lowAmong = (nowMs: number): number => {
      const scheduler = fresh();
      const low = Array.from({ length: 50 }, (_, n) => job({ tenant: `low${n}`, class: 'batch' }));
      for (const each of low) scheduler.add(each, 0);
      let started = 0;
      for (let n = 0; n < 100; n += 1) {
        scheduler.add(job({ tenant: `high${n}`, class: 'interactive' }), nowMs);
        scheduler.setHost(one);
        const { template } = ran(scheduler.next(nowMs));
        if (template.class === 'batch') started += 1;
      }
      return started;
    };
    expect(lowAmong(0)).toBeLessThanOrEqual(2);
    expect(lowAmong(lateMs)).toBeGreaterThanOrEqual(8);
    expect(lowAmong(lateMs)).toBeLessThanOrEqual(11);
  });

  it('gain no share by asking for a higher one', () => {
    const seen = shares(
      [
        { tenant: 'high', class: 'interactive' },
        { tenant: 'low', class: 'batch' },
      ],
      5_000,
      5_000,
    );
    expect(seen['high']).toBeLessThan(0.51);
    expect(seen['high']).toBeGreaterThan(0.47);
  });

  it('leave the lowest class 1 % of decisions, however many are before it', () => {
    const many = Array.from({ length: 400 }, (_, n) => ({ tenant: `t${n}`, class: 'interactive' as const }));
    expect(shares([...many, { tenant: 'low', class: 'batch' }], 100, 4_000)['low']).toBeGreaterThanOrEqual(
      0.01,
    );
  });
});

describe('placement', () => {
  it('prefers warm containers, then the emptier host, and counts what it takes', () => {
    const scheduler = fresh(
      hostOf(2, { name: 'small', warm: new Map([['k', 1]]) }),
      hostOf(4, { name: 'large' }),
    );
    put(scheduler, 7, { tenant: 'a' });
    const seen: string[] = [];
    for (let turn = scheduler.next(0); turn.kind === 'run'; turn = scheduler.next(0))
      seen.push(turn.warm ? `${turn.worker} warm` : turn.worker);
    expect(seen).toEqual(['small warm', 'large', 'large', 'large', 'small', 'large']);
    scheduler.removeHost(hostOf(1, { name: 'large' }).worker);
    scheduler.setHost(hostOf(1, { name: 'small' }));
    expect(scheduler.next(0)).toMatchObject({ kind: 'run', worker: 'small', warm: false });
  });

  it('prefers the host of the session, between its jobs too, and waits for no host that is full', () => {
    const hosts = ['a', 'b', 'c'].map((name, n) =>
      hostOf(8 - n, { name, warm: new Map(name === 'a' ? [['k', 5]] : []) }),
    );
    const scheduler = fresh(...hosts);
    const next = (form: JobForm): { worker: string; warm: boolean; home: boolean } => {
      const [each] = put(scheduler, 1, form) as [TestJob];
      const turn = scheduler.next(0);
      if (turn.kind !== 'run' || turn.job !== each) throw new Error('another ran');
      scheduler.ended(each, 0, 1);
      return { worker: turn.worker, warm: turn.warm, home: turn.home };
    };
    scheduler.setHost(hostOf(0, { name: 'a' }));
    scheduler.setHost(hostOf(0, { name: 'b' }));
    expect(next({ tenant: 't', session: 's' })).toEqual({ worker: 'c', warm: false, home: false });
    for (const host of hosts) scheduler.setHost(host);
    expect(next({ tenant: 't', session: 's' })).toEqual({ worker: 'c', warm: true, home: true });
    expect(next({ tenant: 'u', session: 's' })).toEqual({ worker: 'a', warm: true, home: false });
    expect(next({ tenant: 't' })).toMatchObject({ worker: 'a', home: false });
    scheduler.setHost(hostOf(0, { name: 'c' }));
    expect(next({ tenant: 't', session: 's' })).toEqual({ worker: 'a', warm: true, home: false });
    scheduler.removeHost(hostOf(1, { name: 'a' }).worker);
    expect(next({ tenant: 't', session: 's' })).toMatchObject({ worker: 'b', home: false });
  });

  it('knows the host of a session whose job another leader started', () => {
    const scheduler = fresh(hostOf(2, { name: 'a' }), hostOf(4, { name: 'b' }));
    const [first, second] = put(scheduler, 2, { tenant: 't', session: 's' }) as [TestJob, TestJob];
    scheduler.adopt(first, 0, true, hostOf(1, { name: 'a' }).worker);
    scheduler.ended(first, 1, 1);
    expect(scheduler.next(1)).toMatchObject({ job: second, worker: 'a', home: true });
  });

  it('passes by what finds no room, and tells it from what never will', () => {
    const scheduler = fresh(hostOf(2));
    const wide = { ...NEED, room: { cpuMilli: 2_000, memoryMiB: 256 } };
    const huge = { ...NEED, room: { cpuMilli: 9_000, memoryMiB: 256 } };
    const other = { ...NEED, mode: 'process' as const };
    const [first] = put(scheduler, 1, { tenant: 'a' }) as [TestJob];
    const [second] = put(scheduler, 1, { tenant: 'a', need: wide }) as [TestJob];
    const never = [huge, other].map((need) => put(scheduler, 1, { tenant: 'b', need })[0] as TestJob);
    const [last] = put(scheduler, 1, { tenant: 'b' }) as [TestJob];
    expect([ran(scheduler.next(0)), ran(scheduler.next(0))]).toEqual([first, last]);
    expect(scheduler.next(0)).toEqual({ kind: 'wait', untilMs: null });
    expect(scheduler.why(second, 0)?.reason).toBe('capacity');
    for (const each of never) expect(scheduler.why(each, 0)?.reason).toBe('placement');
    scheduler.setHost(hostOf(11));
    expect([ran(scheduler.next(0)).id, ran(scheduler.next(0)).id]).toEqual([second.id, never[0]?.id]);
  });
});

describe('a session of which another leader started a later job first', () => {
  it('keeps the one that had the turn here waiting until that has ended', () => {
    const scheduler = fresh(hostOf(10));
    const [waits, runs] = put(scheduler, 2, { tenant: 'a', session: 's' }) as [TestJob, TestJob];
    scheduler.adopt(runs, 0);
    expect(scheduler.next(0).kind).toBe('wait');
    expect(scheduler.why(waits, 0)?.reason).toBe('session');
    scheduler.ended(runs, 5, 5);
    expect(ran(scheduler.next(5)).id).toBe(waits.id);
    expect(scheduler.next(5).kind).toBe('empty');
  });
});

describe('reasons', () => {
  it('name quotas and rates, and tell when a rate lets a job through', () => {
    const scheduler = fresh(hostOf(10));
    scheduler.setTenant(tenant('a'), policy({ runningMax: 1 }), 0);
    scheduler.setTenant(tenant('b'), policy({ rate: { perSecond: 2, burst: 1 } }), 0);
    const [, second] = put(scheduler, 2, { tenant: 'a' }) as [TestJob, TestJob];
    const rated = put(scheduler, 3, { tenant: 'b' });
    scheduler.next(0);
    expect(scheduler.why(second, 0)).toMatchObject({ reason: 'quota', quota: 'running', position: 0 });
    expect(scheduler.why(rated[2] as TestJob, 0)).toEqual({
      reason: 'rate',
      quota: null,
      position: 2,
      waitMs: closeTo(1_500),
      untilMs: closeTo(500),
    });
    scheduler.setTenant(tenant('b'), policy({ rate: { perSecond: 0, burst: 1 } }), 0);
    expect(scheduler.why(rated[2] as TestJob, 0)).toMatchObject({ reason: 'rate', untilMs: null });
  });

  it('tell which quota it is, and when a day ends whose compute time is used up', () => {
    const dayMs = 86_400_000;
    const policies = {
      running: policy({ runningMax: 1 }),
      tool_running: policy({ runningMaxByTool: new Map([[tool('tool'), 1]]) }),
      compute: policy({ computeMsPerDay: 60_000 }),
      stored: policy({ storedBytesMax: 50 }),
      tool: policy({}),
    };
    for (const [quota, limits] of Object.entries(policies)) {
      const scheduler = fresh(hostOf(10));
      scheduler.setTenant(tenant('a'), limits, 0);
      if (quota === 'tool') scheduler.setToolLimit(tool('tool'), 1);
      const need = { ...NEED, outcomeBytesMax: 30 };
      const [first, second] = put(scheduler, 2, { tenant: 'a', need }) as [TestJob, TestJob];
      expect(ran(scheduler.next(0))).toBe(first);
      const said = { reason: 'quota', quota, untilMs: null };
      expect(scheduler.why(second, 1)).toMatchObject(said);
      scheduler.next(1);
      expect(scheduler.why(second, 1)).toMatchObject(said);
    }
    const scheduler = fresh(hostOf(10));
    scheduler.setTenant(tenant('a'), policies.compute, 0);
    const [late, never] = [60_000, 60_001].map((timeoutMs) =>
      job({ tenant: 'a', tool: `${timeoutMs}`, timeoutMs }),
    );
    for (const each of [late, never]) scheduler.add(each as TestJob, dayMs);
    scheduler.countCompute(tenant('a'), 1, dayMs);
    expect(scheduler.why(late as TestJob, dayMs + 5)).toMatchObject({
      quota: 'compute',
      untilMs: 2 * dayMs,
      waitMs: dayMs - 5,
    });
    expect(scheduler.why(never as TestJob, dayMs)).toMatchObject({ quota: 'compute', untilMs: null });
  });

  it('say of what its session holds that it is paused, where it would be anyway', () => {
    const targets = [
      { kind: 'fleet' },
      { kind: 'class', class: 'batch' },
      { kind: 'tool', tool: tool('tool') },
      { kind: 'tenant', tenant: tenant('a') },
    ] as const;
    for (const target of targets) {
      const scheduler = fresh(hostOf(4));
      scheduler.setTenant(tenant('a'), policy({ ceiling: 'batch' }), 0);
      const [, held] = put(scheduler, 2, { tenant: 'a', session: 's' }) as [TestJob, TestJob];
      scheduler.next(0);
      expect(scheduler.why(held, 0)).toMatchObject({ reason: 'session' });
      scheduler.pause(target);
      expect(scheduler.why(held, 0)).toMatchObject({ reason: 'paused', waitMs: null });
      scheduler.resume(target);
      expect(scheduler.why(held, 0)).toMatchObject({ reason: 'session' });
    }
  });

  it('count no time in which nothing waited into how fast it moves', () => {
    const scheduler = fresh(one);
    put(scheduler, 2_000, { tenant: 'a' });
    let nowMs = 0;
    const step = (): void => {
      scheduler.setHost(one);
      const running = ran(scheduler.next(nowMs));
      nowMs += 50;
      scheduler.ended(running, nowMs, 50);
    };
    const rare = (steps: number): TestJob => {
      for (let n = 0; n < steps; n += 1) step();
      const next = job({ tenant: 'b' });
      scheduler.add(next, nowMs);
      return next;
    };
    for (let n = 0; n < 10; n += 1) for (const next = rare(100); next.flow !== null; step());
    expect(scheduler.why(rare(20), nowMs)?.waitMs).toBeLessThan(150);
  });

  it('estimate the wait from how fast the queue moves', () => {
    const scheduler = fresh(one);
    for (const name of ['a', 'b', 'c', 'd']) put(scheduler, 200, { tenant: name });
    const watched = put(scheduler, 1, { tenant: 'd' })[0] as TestJob;
    let nowMs = 0;
    const step = (): void => {
      scheduler.setHost(one);
      const running = ran(scheduler.next(nowMs));
      nowMs += 50;
      scheduler.ended(running, nowMs, 50);
    };
    while (nowMs < 10_000) step();
    const said = scheduler.why(watched, nowMs);
    const saidAtMs = nowMs;
    while (watched.flow !== null) step();
    const tookMs = nowMs - saidAtMs;
    expect(said?.position).toBeGreaterThan((0.75 * tookMs) / 50);
    expect(said?.position).toBeLessThan((1.25 * tookMs) / 50);
    expect(said?.waitMs).toBeGreaterThan(0.75 * tookMs);
    expect(said?.waitMs).toBeLessThan(1.25 * tookMs);
  });
});
