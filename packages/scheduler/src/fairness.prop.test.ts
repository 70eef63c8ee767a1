/** Who gets how much, on slots with a virtual clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEED, policy, tenant, type JobForm } from './fair.test.helper.js';
import { CLASSES } from './index.js';
import { jain, Slots, type Source } from './slots.test.helper.js';

const WEIGHTS = [1, 2, 5];
const NEEDS = ['k1', 'k2', 'k3', 'k4'].map((poolKey) => ({ ...NEED, poolKey }));
/** Spreads whole numbers evenly over [0, 1). */
const spread = (n: number, seed: number): number =>
  (((n * 0.618_033_988_75 + seed * 0.414_213_56) % 1) + 1) % 1;

interface Habits {
  /** Runtime of its jobs, ms: from `fromMs` to `toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly form?: (n: number) => Partial<JobForm>;
  /** Jobs that it keeps waiting. */
  readonly depth?: number;
}

const source = (at: number, { fromMs, toMs, form, depth = 4 }: Habits): Source => ({
  form: (n) => ({ tenant: `t${at}`, ...form?.(n) }),
  ranMs: (n) => Math.round(fromMs + spread(n, at) * (toMs - fromMs)),
  depth,
});

/** Served runtime over weight of each. */
const shares = (slots: Slots, weights: readonly number[]): number[] =>
  slots.served.map(({ ranMs }, at) => ranMs / (weights[at] ?? 1));

const run = (
  slotCount: number,
  habits: readonly Habits[],
  weights: readonly number[],
  starts: number,
): Slots => {
  const slots = new Slots(
    slotCount,
    habits.map((one, at) => source(at, one)),
  );
  weights.forEach((weight, at) => slots.scheduler.setTenant(tenant(`t${at}`), policy({ weight }), 0));
  slots.run(starts);
  return slots;
};

describe('runtime is shared by weight', () => {
  const habit = fc.record({ weight: fc.constantFrom(...WEIGHTS), slow: fc.nat(19), mixed: fc.boolean() });

  it('whatever jobs take, 1x to 20x, one length to a tenant or all mixed', () => {
    fc.assert(
      fc.property(
        fc.array(habit, { minLength: 10, maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        (all, n) => {
          const habits = all.map(({ slow, mixed }) =>
            mixed ? { fromMs: 50, toMs: 1_000 } : { fromMs: 50 * (1 + slow), toMs: 50 * (1 + slow) },
          );
          const weights = all.map(({ weight }) => weight);
          const slots = run(n, habits, weights, 600 * habits.length);
          expect(jain(shares(slots, weights))).toBeGreaterThanOrEqual(0.99);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('and none is left out, whatever its class', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(CLASSES.length - 1), { minLength: 4, maxLength: 20 }), (ranks) => {
        const habits = ranks.map((rank) => ({
          fromMs: 50,
          toMs: 500,
          form: () => ({ class: CLASSES[rank] ?? ('normal' as const) }),
        }));
        const all = shares(run(3, habits, [], 500 * habits.length), []);
        const fair = all.reduce((sum, one) => sum + one, 0) / all.length;
        expect(Math.min(...all)).toBeGreaterThan(0.9 * fair);
      }),
      { numRuns: 25 },
    );
  });
});

describe('nothing is gained', () => {
  const plain: Habits = { fromMs: 100, toMs: 400 };
  const shareOf = (first: Habits): number => {
    const habits = [first, ...Array.from({ length: 19 }, () => plain)];
    const all = shares(run(4, habits, [], 20_000), []);
    return (all[0] ?? 0) / all.reduce((sum, one) => sum + one, 0);
  };
  const forms: readonly (readonly [string, (n: number) => Partial<JobForm>])[] = [
    ['pool keys', (n) => ({ need: NEEDS[n % NEEDS.length] ?? NEED })],
    ['tools', (n) => ({ tool: `tool-${n % 5}` })],
    ['sessions', (n) => ({ session: `s${n % 50}` })],
    ['classes', (n) => ({ class: CLASSES[n % CLASSES.length] ?? 'normal' })],
    ['the highest class', () => ({ class: 'interactive' })],
    ['the lowest class and another', (n) => ({ class: n % 2 === 0 ? 'batch' : 'normal' })],
  ];

  it.each(forms)('by spreading over %s', (_, form) => {
    expect(shareOf({ ...plain, form })).toBeLessThanOrEqual(1.02 * shareOf(plain));
  });

  it('by putting a part into the lowest class, where it is alone', () => {
    const form = (n: number): Partial<JobForm> => ({ class: n % 2 === 0 ? 'batch' : 'normal' });
    const habits = [{ ...plain, form, depth: 2_000 }, ...Array.from({ length: 249 }, () => plain)];
    const all = shares(run(4, habits, [], 20_000), []);
    const fair = all.reduce((sum, one) => sum + one, 0) / all.length;
    // Once, a class is worth LEAD_MS: a twentieth of what there is to have here.
    expect(all[0]).toBeLessThanOrEqual(1.1 * fair);
  });
});

describe('the lowest class', () => {
  it('keeps 1 % of decisions under a flood of all others', () => {
    const high = (['interactive', 'high', 'normal'] as const).flatMap((name) =>
      Array.from({ length: 60 }, () => ({ fromMs: 20, toMs: 60, form: () => ({ class: name }) })),
    );
    const low = { fromMs: 20, toMs: 60, form: () => ({ class: 'batch' as const }) };
    const slots = run(4, [...high, low], [], 20_000);
    expect(slots.served.at(-1)?.starts).toBeGreaterThanOrEqual(200);
  });
});
