/** Metrics of the gateway and of the engine behind it. Names: docs/metrics.md. */
import { Counter, Gauge, Histogram, type Registry } from '@zerofleet/runtime';
import type { FastifyInstance } from 'fastify';

const MS_PER_S = 1_000;

/** What the engine says of itself when it is asked. */
export interface EngineGauges {
  readonly leading: boolean;
  readonly queued: number;
  readonly running: number;
  readonly unprojected: number;
  readonly workers: number;
}

export class GatewayMetrics {
  private readonly submissions: Counter<'tool' | 'answer'>;

  constructor(registry: Registry, engine: () => EngineGauges) {
    this.submissions = new Counter({
      name: 'zf_submissions_total',
      help: 'Submissions that reached the engine, by tool and answer',
      labelNames: ['tool', 'answer'],
      registers: [registry],
    });
    const gauge = (name: string, help: string, read: (gauges: EngineGauges) => number): Gauge =>
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read(engine()));
        },
      });
    gauge('zf_leading', '1 while this replica leads', (one) => Number(one.leading));
    gauge('zf_jobs_queued', 'Jobs that wait', (one) => one.queued);
    gauge('zf_jobs_running', 'Jobs with a running attempt', (one) => one.running);
    gauge(
      'zf_jobs_unprojected',
      'Finished jobs whose outcome is not projected yet',
      (one) => one.unprojected,
    );
    gauge('zf_workers_ready', 'Workers that the leader hears', (one) => one.workers);
  }

  submitted(tool: string, answer: string): void {
    this.submissions.inc({ tool, answer });
  }

  /** Times every request of `server` by route and status. */
  observe(server: FastifyInstance, registry: Registry): void {
    const durations = new Histogram({
      name: 'zf_http_request_seconds',
      help: 'Time to answer, by route, method and status; long polls and streams included',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers: [registry],
    });
    server.addHook('onResponse', (request, reply, next) => {
      const labels = {
        route: request.routeOptions.url ?? 'none',
        method: request.method,
        status: String(reply.statusCode),
      };
      durations.observe(labels, reply.elapsedTime / MS_PER_S);
      next();
    });
  }
}
