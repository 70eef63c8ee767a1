/**
 * Tenants that want more than there is: arrivals by Zipf, weights 1, 2 and 5, runtimes from 1x to 20x, and pool keys of which
 * some are starved: no host has room for them.
 */
import type { TenantId, ToolDefinition } from '@zerofleet/model';
import { CLASSES } from '@zerofleet/scheduler';
import type { Random } from './random.js';
import { toolOf, type Stream } from './simulation.js';

export const WEIGHTS = [1, 2, 5] as const;
/** Runtimes, ms. */
export const SHORTEST_MS = 50;
export const LONGEST_MS = 1_000;
/** Mean of a log-uniform runtime, ms. */
export const MEAN_MS = (LONGEST_MS - SHORTEST_MS) / Math.log(LONGEST_MS / SHORTEST_MS);
export const KEYS = 20;
const STARVED_KEYS = 5;
/** The first keys: those that hosts have room for. */
export const OPEN_KEYS = KEYS - STARVED_KEYS;

/** A tool of each pool key; the last ones are starved. */
export const TOOLS: readonly ToolDefinition[] = Array.from({ length: KEYS }, (_, n) =>
  toolOf(n, n < OPEN_KEYS),
);
const STARVED = new Set(TOOLS.slice(OPEN_KEYS).map(({ name }) => name));
export const isStarved = ({ tool }: { readonly tool: ToolDefinition['name'] }): boolean => STARVED.has(tool);

/** What is a tenant's own: how its jobs are spread. Each gets the number of the job. */
export interface Habits {
  readonly tool?: (n: number) => ToolDefinition;
  readonly session?: (n: number) => string | undefined;
  /** Rank of the class. */
  readonly rank?: (n: number) => number;
}

/** The tool of the nth key. */
export const toolAt = (n: number): ToolDefinition => {
  const tool = TOOLS[n % TOOLS.length];
  if (tool === undefined) throw new RangeError('there are no keys');
  return tool;
};

/** Jobs of one tenant that arrive at random, `gapMs` apart in the mean. */
export const stream = (name: string, random: Random, gapMs: number, habits: Habits): Stream => {
  const tenant = name as TenantId;
  let n = 0;
  let atMs = 0;
  return () => {
    atMs += random.gap(gapMs);
    const { name: tool } = habits.tool?.(n) ?? toolAt(random.below(KEYS));
    const priority = CLASSES[habits.rank?.(n) ?? 2];
    if (priority === undefined) throw new RangeError('no class has that rank');
    const ranMs = Math.round(random.between(SHORTEST_MS, LONGEST_MS));
    const session = habits.session?.(n);
    n += 1;
    return { tenant, tool, class: priority, session, ranMs, arrivedMs: atMs };
  };
};

/** What each may have of `capacity` when it is shared by weight and nobody gets more than it wants (water filling). */
export const fairShares = (
  wanted: readonly number[],
  weights: readonly number[],
  capacity: number,
): readonly number[] => {
  const order = wanted.map((_, at) => at);
  const level = (at: number): number => (wanted[at] ?? 0) / (weights[at] ?? 1);
  order.sort((a, b) => level(a) - level(b));
  const shares = wanted.map(() => 0);
  let left = capacity;
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0);
  for (const at of order) {
    const weight = weights[at] ?? 1;
    const share = Math.min(wanted[at] ?? 0, (left * weight) / weightLeft);
    shares[at] = share;
    left -= share;
    weightLeft -= weight;
  }
  return shares;
};

/** Jain's index: 1 when all are equal, 1/n when one has everything. */
export const jain = (values: readonly number[]): number => {
  const sum = values.reduce((all, one) => all + one, 0);
  const squares = values.reduce((all, one) => all + one * one, 0);
  return (sum * sum) / (values.length * squares);
};
