/**
 * How a steady rate is cut into autocannon instances.
 *
 * autocannon sends an instance's share in the first part of each second and never makes up for what it missed. Many
 * instances with staggered starts give flat arrivals, and one request in flight a connection keeps answers in order.
 *
 * L1  The instances' rates add up to the asked-for rate, and each is a whole number of requests a second.
 * L2  Within an instance every connection has the same whole rate: autocannon lowers the connections of an instance
 *     whose rate is below them, and rounds uneven shares.
 */

/** Instances, at most. Their starts are spread over one second. */
export const INSTANCES_MAX = 20;
/**
 * Requests a second of an instance, at least: the correction of latencies is as fine as the rate of a connection, and
 * says little at one request a second.
 */
const INSTANCE_RATE_MIN = 5;
/** Requests a second that one generator process is asked for, at most: beyond it the generator is what is measured. */
export const RATE_MAX = 5_000;
/** A latency of acceptance up to which an instance keeps its rate, in s. */
const LATENCY_S = 0.1;
const MS_PER_S = 1_000;
/** Room beyond the connections that LATENCY_S needs. */
const CONNECTION_ROOM = 1.5;

export interface InstancePlan {
  /** Starts so long after the first one, in ms. */
  readonly startMs: number;
  /** Requests a second of all connections. */
  readonly rate: number;
  readonly connections: number;
  /** Requests a second of one connection. */
  readonly ratePerConnection: number;
}

/** The instances for `rate` requests a second, 1 to RATE_MAX. */
export const planInstances = (rate: number): InstancePlan[] => {
  const count = Math.min(INSTANCES_MAX, Math.max(1, Math.floor(rate / INSTANCE_RATE_MIN)));
  return Array.from({ length: count }, (_, index) => {
    const share = Math.floor(rate / count) + (index < rate % count ? 1 : 0);
    const connections = divisorFrom(share, Math.ceil((rate / count) * LATENCY_S * CONNECTION_ROOM));
    return {
      startMs: (index * MS_PER_S) / count,
      rate: share,
      connections,
      ratePerConnection: share / connections,
    };
  });
};

/** The smallest divisor of `whole` that is at least `wanted`, or `whole` itself. */
const divisorFrom = (whole: number, wanted: number): number => {
  for (let divisor = Math.max(1, wanted); divisor < whole; divisor += 1)
    if (whole % divisor === 0) return divisor;
  return whole;
};

/** Requests that all instances together offer in `durationS` seconds. */
export const offeredBy = (plans: readonly InstancePlan[], durationS: number): number =>
  plans.reduce((sum, plan) => sum + plan.rate * durationS, 0);
