/** How right the wait is that a tenant is told, on slots with a virtual clock and a steady load. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEED, policy, tenant, type JobForm, type TestJob } from './fair.test.helper.js';
import { CLASSES, type TenantPolicy } from './index.js';
import { Slots, type Source } from './slots.test.helper.js';

interface Habits {
  readonly source: Source;
  readonly policy?: Partial<TenantPolicy>;
}

/** Spreads whole numbers evenly over [0, 1). */
/** The cases are always the same: how good an estimate is on average is no law that holds in each case. */
const SEED = 20_261_123;
const spread = (n: number): number => (n * 0.618_033_988_75) % 1;

const habits = (
  at: number,
  depth: number,
  fromMs: number,
  toMs: number,
  form: (n: number) => Partial<JobForm> = () => ({}),
): Source => ({
  form: (n) => ({ tenant: `t${at}`, ...form(n) }),
  ranMs: (n) => Math.round(fromMs + spread(n + 7 * at) * (toMs - fromMs)),
  depth,
});

/** Asks at random moments how long a random job will wait, and compares that with how long it did. */
class Questions {
  readonly errors: number[] = [];
  unknown = 0;
  private readonly asked = new Map<TestJob, { readonly atMs: number; readonly waitMs: number }>();
  private readonly slots: Slots;
  private asks = 0;

  constructor(slots: Slots) {
    this.slots = slots;
    slots.watch = this;
  }

  started(job: TestJob): void {
    const asked = this.asked.get(job);
    if (asked === undefined) return;
    this.asked.delete(job);
    const tookMs = this.slots.nowMs - asked.atMs;
    this.errors.push(Math.abs(asked.waitMs - tookMs) / Math.max(tookMs, 1));
  }

  pause(): void {
    this.asks += 1;
    const { scheduler, waiting, nowMs } = this.slots;
    const jobs = [...(waiting[Math.floor(spread(this.asks) * waiting.length)] ?? [])];
    const job = jobs[Math.floor(spread(this.asks * 17) * jobs.length)];
    if (job === undefined || this.asked.has(job)) return;
    const waitMs = scheduler.why(job, nowMs)?.waitMs ?? null;
    if (waitMs === null) this.unknown += 1;
    else this.asked.set(job, { atMs: nowMs, waitMs });
  }

  get median(): number {
    return this.errors.sort((a, b) => a - b)[this.errors.length >> 1] ?? NaN;
  }
}

/** The median error of what is said in the second half of so many starts. */
const errorOf = (slotCount: number, all: readonly Habits[], starts: number): number => {
  const slots = new Slots(
    slotCount,
    all.map(({ source }) => source),
  );
  for (const { source, policy: part = {} } of all)
    slots.scheduler.setTenant(tenant(source.form(0).tenant), policy(part), 0);
  slots.run(starts / 2);
  const questions = new Questions(slots);
  slots.run(starts);
  expect(questions.errors.length).toBeGreaterThan(300);
  expect(questions.unknown).toBeLessThan(questions.errors.length / 20);
  return questions.median;
};

const several = (count: number, of: (at: number) => Habits): readonly Habits[] =>
  Array.from({ length: count }, (_, at) => of(at));

describe('what a tenant is told to wait is off by at most a quarter in the median', () => {
  const cases: readonly (readonly [string, number, (at: number) => Habits])[] = [
    ['all are alike', 4, (at) => ({ source: habits(at, 20, 100, 400) })],
    ['each has one job at a time', 4, (at) => ({ source: habits(at, 1, 100, 400) })],
    ['jobs take 1x to 20x', 4, (at) => ({ source: habits(at, 20, 50 * (1 + at), 50 * (1 + at)) })],
    ['weights differ', 4, (at) => ({ source: habits(at, 20, 100, 400), policy: { weight: 1 + (at % 5) } })],
    [
      'classes differ',
      4,
      (at) => ({ source: habits(at, 9, 50, 200, () => ({ class: CLASSES[at % 4] ?? 'normal' })) }),
    ],
    [
      'tenants have several tools and pool keys',
      4,
      (at) => ({
        source: habits(at, 20, 100, 400, (n) => ({
          tool: `x${n % 2}`,
          need: { ...NEED, poolKey: `k${n % 3}` },
        })),
      }),
    ],
    [
      'tenants have a few jobs of several tools',
      4,
      (at) => ({ source: habits(at, 4, 100, 400, (n) => ({ tool: `x${n % 4}` })) }),
    ],
    [
      'tenants are at what they may run',
      12,
      (at) => ({ source: habits(at, 20, 100, 400), policy: { runningMax: 1 + (at % 2) } }),
    ],
    [
      'some are held by their rate',
      4,
      (at) => ({
        source: habits(at, 20, 100, 400),
        policy: at % 2 === 0 ? { rate: { perSecond: 1 / 3, burst: 2 } } : {},
      }),
    ],
    [
      'jobs are of sessions',
      8,
      (at) => ({ source: habits(at, 20, 100, 400, (n) => ({ session: `s${n % (1 + (at % 3))}` })) }),
    ],
  ];

  it.each(cases)('where %s', (_, slots, of) => {
    expect(errorOf(slots, several(16, of), 6_000)).toBeLessThanOrEqual(0.25);
  });

  it('and where everything is mixed', () => {
    const medians: number[] = [];
    const one = fc.record({
      weight: fc.constantFrom(1, 2, 5),
      rank: fc.nat(3),
      depth: fc.integer({ min: 6, max: 30 }),
      slow: fc.integer({ min: 1, max: 20 }),
      tools: fc.integer({ min: 1, max: 3 }),
      runningMax: fc.constantFrom(1, 2, Infinity, Infinity),
    });
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 8, maxLength: 24 }),
        fc.integer({ min: 1, max: 8 }),
        (all, n) => {
          const mixed = all.map(({ weight, rank, depth, slow, tools, runningMax }, at): Habits => ({
            source: habits(at, depth, 25 * slow, 75 * slow, (k) => ({
              class: CLASSES[rank] ?? 'normal',
              tool: `x${(at + k) % tools}`,
            })),
            policy: { weight, runningMax },
          }));
          medians.push(errorOf(n, mixed, 400 * all.length));
          expect(medians.at(-1)).toBeLessThanOrEqual(0.4);
        },
      ),
      { numRuns: 25, seed: SEED },
    );
    // One mixture in thousands moves in lumps that nobody can foresee.
    expect(medians.sort((a, b) => a - b).at(-3)).toBeLessThanOrEqual(0.25);
  }, 120_000);
});
