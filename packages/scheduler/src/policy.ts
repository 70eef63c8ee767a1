/** What a tenant may use, and how much of it next to others. It belongs to the tenant's record, never to a request. */
import type { PriorityClass, ToolName } from '@zerofleet/model';

export interface TenantPolicy {
  /** Its share of runtime relative to other tenants. */
  readonly weight: number;
  /** The highest class that its jobs run in; what asks for a higher one runs in this one. */
  readonly ceiling: PriorityClass;
  /** Jobs that run at once. */
  readonly runningMax: number;
  /** Jobs of one tool that run at once, for tools that are named. */
  readonly runningMaxByTool: ReadonlyMap<ToolName, number>;
  /** Jobs started a second in the long run, and at once after a pause; null: as many as there is room for. */
  readonly rate: { readonly perSecond: number; readonly burst: number } | null;
  /** Runtime of all its jobs in one UTC day, ms. */
  readonly computeMsPerDay: number;
  /** What it has stored, with what the outcomes of its running jobs may add, bytes. */
  readonly storedBytesMax: number;
}

/** A tenant of which nothing else was said. */
export const DEFAULT_POLICY: TenantPolicy = {
  weight: 1,
  ceiling: 'interactive',
  runningMax: Infinity,
  runningMaxByTool: new Map(),
  rate: null,
  computeMsPerDay: Infinity,
  storedBytesMax: Infinity,
};

/** Whether it says nothing else than what holds for a tenant of which nothing was said. */
export const isDefault = (policy: TenantPolicy): boolean =>
  policy === DEFAULT_POLICY ||
  (policy.weight === DEFAULT_POLICY.weight &&
    policy.ceiling === DEFAULT_POLICY.ceiling &&
    policy.runningMax === Infinity &&
    policy.runningMaxByTool.size === 0 &&
    policy.rate === null &&
    policy.computeMsPerDay === Infinity &&
    policy.storedBytesMax === Infinity);

/** Bounds of a weight. */
export const WEIGHT_MIN = 0.001;
export const WEIGHT_MAX = 1_000;

/** Throws RangeError for a policy that means nothing: callers check what people write before. */
export const checkPolicy = (policy: TenantPolicy): TenantPolicy => {
  const { weight, runningMax, runningMaxByTool, rate, computeMsPerDay, storedBytesMax } = policy;
  // `>=` and not its contrary, so that NaN is refused too.
  const amounts = [
    runningMax,
    computeMsPerDay,
    storedBytesMax,
    ...runningMaxByTool.values(),
    ...(rate ? [rate.burst] : []),
  ];
  const sound =
    weight >= WEIGHT_MIN && weight <= WEIGHT_MAX && amounts.every((n) => n >= 0) && rateIsSound(rate);
  if (!sound) throw new RangeError('a policy needs a weight within its bounds and no negative quota');
  return policy;
};

const rateIsSound = (rate: TenantPolicy['rate']): boolean =>
  rate === null || (rate.perSecond >= 0 && Number.isFinite(rate.perSecond) && Number.isFinite(rate.burst));
