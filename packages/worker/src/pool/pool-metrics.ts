/** Metrics of the worker's pool. Names: docs/metrics.md. */
import { Counter, Gauge, Histogram, type Registry } from '@zerofleet/runtime';
import type { ClaimHow, PoolCounts } from './pool-driver.js';

const MS_PER_S = 1_000;

export class PoolMetrics {
  private readonly claims: Counter<'how'>;
  private readonly starts: Histogram;
  private readonly failures: Counter;

  constructor(registry: Registry, counts: () => readonly PoolCounts[]) {
    const registers = [registry];
    this.claims = new Counter({
      name: 'zf_pool_claims_total',
      help: 'Containers given to jobs: parked for their session, reused by their tenant, warm from stock, or waited for (cold)',
      labelNames: ['how'],
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
    new Gauge({
      name: 'zf_pool_containers',
      help: 'Containers by pool and state',
      labelNames: ['pool', 'state'],
      registers,
      collect() {
        this.reset();
        for (const { key, target, starting, warm, busy, idle } of counts())
          for (const [state, value] of Object.entries({ target, starting, warm, busy, idle }))
            this.set({ pool: key, state }, value);
      },
    });
  }

  claimed(how: ClaimHow): void {
    this.claims.inc({ how });
  }

  started(tookMs: number): void {
    this.starts.observe(tookMs / MS_PER_S);
  }

  startFailed(): void {
    this.failures.inc();
  }
}
