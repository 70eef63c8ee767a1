/**
 * The kill ladder as it is seen from outside: an attack that does not end by itself is ended at its time limit, and its container
 * is gone from the engine soon after.
 *
 * K1  Gone by the deadline and GONE_MS_P99 at the p99, and by the deadline and GONE_MS_MAX always.
 */
import { expect } from 'vitest';
import { attack, type AttackEnd, type AttackOptions } from './attack.js';
import { goneAtMs } from './engine.js';
import { facts } from './fleet.js';
import { quantile } from './latency.js';

export const GONE_MS_P99 = 3_000;
export const GONE_MS_MAX = 5_000;

export class Ladder {
  /** From the deadline until the engine had the container no more, in ms, each of this ladder's attacks. */
  readonly tookMs: number[] = [];

  /** Runs attacks beside each other that must be ended at their time limit, and notes when their containers are gone. */
  async endsAll(
    programs: readonly (readonly [file: string, args?: readonly string[]])[],
    timeoutMs: number,
    options: AttackOptions = {},
  ): Promise<readonly AttackEnd[]> {
    const ends = await Promise.all(
      programs.map(([file, args = []]) => attack(file, { ...options, args, timeoutMs })),
    );
    for (const [n, end] of ends.entries())
      expect(end.job, programs[n]?.[0]).toMatchObject({
        stage: 'timed_out',
        error: { code: 'timed_out' },
        attempt: 1,
      });
    const { broker } = options.of ?? facts();
    const containers = ends.map(({ container }) => container);
    const gone = await goneAtMs(containers, broker);
    for (const { container, beganAtMs } of ends) {
      const tookMs = (gone.get(container) ?? Infinity) - (beganAtMs + timeoutMs);
      expect(tookMs, 'ms from deadline to gone').toBeLessThanOrEqual(GONE_MS_MAX);
      this.tookMs.push(tookMs);
    }
    return ends;
  }

  /** Asserts K1 over all of them. */
  verdict(): { readonly p50: number; readonly p99: number; readonly max: number; readonly count: number } {
    const [p50, p99, max] = [0.5, 0.99, 1].map((q) => quantile(this.tookMs, q)) as [number, number, number];
    expect(p99).toBeLessThanOrEqual(GONE_MS_P99);
    return { p50, p99, max, count: this.tookMs.length };
  }
}
