/** Metrics of the worker's pool. Names: docs/metrics.md. */
import type { BreakerState, MissReason, StopWhy } from '@zerofleet/pool';
import { Counter, Gauge, Histogram, type Registry } from '@zerofleet/runtime';
import type { ClaimHow } from './claim.js';
import type { PoolCounts } from './pool-counts.js';

const MS_PER_S = 1_000;
/** By how much it is in trouble. */
const BREAKER_VALUE: Readonly<Record<BreakerState, number>> = { closed: 0, half: 1, open: 2 };

export class PoolMetrics {
  private readonly claims: Counter<'how'>;
  private readonly misses: Counter<'reason'>;
  private readonly starts: Histogram;
  private readonly failures: Counter;
  private readonly ends: Counter<'why'>;

  constructor(registry: Registry, counts: () => readonly PoolCounts[], usedMiB: () => number = () => 0) {
    const registers = [registry];
    this.claims = new Counter({
      name: 'zf_pool_claims_total',
      help: 'Containers given to jobs: parked for their session, reused by their tenant, warm from stock, or waited for (cold)',
      labelNames: ['how'],
      registers,
    });
    this.misses = new Counter({
      name: 'zf_pool_misses_total',
      help: 'Jobs that had to wait for a container, by why',
      labelNames: ['reason'],
      registers,
    });
    this.starts = new Histogram({
      name: 'zf_pool_start_seconds',
      help: 'Time from asking for a container to its greeting',
      buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 20],
      registers,
    });
    this.failures = new Counter({
      name: 'zf_pool_start_failures_total',
      help: 'Containers that could not be started',
      registers,
    });
    this.ends = new Counter({
      name: 'zf_pool_evictions_total',
      help: 'Sound containers that the pool ended, by why',
      labelNames: ['why'],
      registers,
    });
    gauges(registers, counts, usedMiB);
  }

  claimed(how: ClaimHow): void {
    this.claims.inc({ how });
  }

  missed(reason: MissReason): void {
    this.misses.inc({ reason });
  }

  started(tookMs: number): void {
    this.starts.observe(tookMs / MS_PER_S);
  }

  startFailed(): void {
    this.failures.inc();
  }

  ended(why: StopWhy | 'uses'): void {
    this.ends.inc({ why });
  }
}

/** Gauges that are read when they are asked for. */
const gauges = (registers: Registry[], counts: () => readonly PoolCounts[], usedMiB: () => number): void => {
  new Gauge({
    name: 'zf_pool_containers',
    help: 'Containers by pool and state',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { key, target, starting, warm, busy, idle, parked } of counts())
        for (const [state, value] of Object.entries({ target, starting, warm, busy, idle, parked }))
          this.set({ pool: key, state }, value);
    },
  });
  new Gauge({
    name: 'zf_pool_refill_per_second',
    help: 'Containers that can be started for stock in a second, by what starts took of late',
    labelNames: ['pool'],
    registers,
    collect() {
      this.reset();
      for (const { key, stats } of counts()) this.set({ pool: key }, stats.refillPerS ?? 0);
    },
  });
  new Gauge({
    name: 'zf_pool_breaker',
    help: 'Whether containers of the pool fail: 0 closed, 1 half open, 2 open',
    labelNames: ['pool'],
    registers,
    collect() {
      this.reset();
      for (const { key, stats } of counts()) this.set({ pool: key }, BREAKER_VALUE[stats.breaker]);
    },
  });
  new Gauge({
    name: 'zf_pool_memory_mib',
    help: 'Memory of all containers: starting, warm, busy, idle, parked and on their way out',
    registers,
    collect() {
      this.set(usedMiB());
    },
  });
};
