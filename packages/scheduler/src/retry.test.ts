import type { Outcome, RetryCause, RetryPolicy } from '@zerofleet/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causeOf, isDead, judge } from './retry.js';

const failed = (
  code: 'tool_error' | 'killed' | 'protocol' | 'worker_lost' | 'start_failed' | 'container_lost',
): Outcome => ({
  kind: 'failed',
  failure: { code, message: '' },
  report: null,
});
const POLICY: RetryPolicy = { on: ['tool_error', 'timed_out'], baseMs: 100, capMs: 1_000 };
const TIMED_OUT = { kind: 'timed_out', report: null } as unknown as Outcome;

describe('judge', () => {
  it('lets an outcome stand without a policy, and when its policy does not name the cause', () => {
    for (const policy of [undefined, POLICY])
      for (const outcome of [
        failed('killed'),
        failed('protocol'),
        { kind: 'expired', report: null } as const,
      ])
        expect(judge(outcome, policy, { spent: 1, max: 9 }, 0.5)).toEqual({ kind: 'final', dead: false });
    expect(judge(failed('tool_error'), undefined, { spent: 1, max: 9 }, 0.5)).toMatchObject({
      kind: 'final',
    });
  });

  it('never allows more attempts than there may be, and calls a job dead that used them up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 10 }), (spent, max) => {
        const verdict = judge(failed('tool_error'), POLICY, { spent, max }, 0);
        expect(verdict).toEqual(spent >= max ? { kind: 'final', dead: true } : { kind: 'retry', delayMs: 0 });
      }),
    );
  });

  it('pauses for less than a bound that doubles with each attempt, up to the cap', () => {
    const any = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 0, max: 86_400_000 }),
        any,
        (spent, baseMs, capMs, random) => {
          const policy = { ...POLICY, baseMs, capMs };
          const verdict = judge(TIMED_OUT, policy, { spent, max: 100 }, random);
          const boundMs = Math.min(capMs, baseMs * 2 ** (spent - 1));
          if (verdict.kind !== 'retry') throw new Error('final');
          expect(Number.isSafeInteger(verdict.delayMs)).toBe(true);
          expect(verdict.delayMs).toBeGreaterThanOrEqual(0);
          expect(verdict.delayMs).toBeLessThanOrEqual(boundMs);
          expect(verdict.delayMs).toBeGreaterThan(random * Math.min(boundMs, baseMs * 2 ** 30) - 1);
        },
      ),
    );
  });

  it('names the cause of what a policy may retry, and of nothing else', () => {
    const causes: [Outcome, RetryCause | undefined][] = [
      [TIMED_OUT, 'timed_out'],
      [failed('tool_error'), 'tool_error'],
      [failed('start_failed'), 'start_failed'],
      [failed('container_lost'), 'container_lost'],
      [failed('protocol'), undefined],
      [failed('worker_lost'), undefined],
      [{ kind: 'cancelled', report: null }, undefined],
    ];
    for (const [outcome, cause] of causes) expect(causeOf(outcome)).toBe(cause);
    expect(isDead(failed('worker_lost'), undefined)).toBe(true);
    expect(isDead(failed('killed'), POLICY)).toBe(false);
    expect(isDead(TIMED_OUT, POLICY)).toBe(true);
  });
});
