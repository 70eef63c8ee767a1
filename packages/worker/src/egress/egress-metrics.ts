/** Metrics of egress. Names: docs/metrics.md. */
import { Counter, Gauge, Histogram, type Registry } from '@zerofleet/runtime';
import type { RefusalCode } from './refusal.js';

const MS_PER_S = 1_000;

export class EgressMetrics {
  private readonly tunnels: Counter<'verdict'>;
  private readonly bytes: Counter<'direction'>;
  private readonly connects: Histogram;

  constructor(registry: Registry, open: () => number) {
    const registers = [registry];
    this.tunnels = new Counter({
      name: 'zf_egress_tunnels_total',
      help: 'Tunnels that jobs asked for, by what came of it',
      labelNames: ['verdict'],
      registers,
    });
    this.bytes = new Counter({
      name: 'zf_egress_bytes_total',
      help: 'Bytes of tunnels that have ended: up to hosts, down to jobs',
      labelNames: ['direction'],
      registers,
    });
    this.connects = new Histogram({
      name: 'zf_egress_connect_seconds',
      help: 'Time from a question for a tunnel to its connection',
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers,
    });
    new Gauge({
      name: 'zf_egress_tunnels',
      help: 'Tunnels that are open, or on their way to be',
      registers,
      collect() {
        this.set(open());
      },
    });
  }

  opened(tookMs: number): void {
    this.tunnels.inc({ verdict: 'opened' });
    this.connects.observe(tookMs / MS_PER_S);
  }

  refused(code: RefusalCode): void {
    this.tunnels.inc({ verdict: code });
  }

  ended({ up, down }: { readonly up: number; readonly down: number }): void {
    this.bytes.inc({ direction: 'up' }, up);
    this.bytes.inc({ direction: 'down' }, down);
  }
}
