/** A steady load of small jobs of several tenants, each of which tells which image it ran in. */
import type { ZerofleetClient } from '@zerofleet/sdk';

const EVERY_MS = 100;
const WAIT_MS = 45_000;
const CODE = 'cat /etc/zf-roll 2>/dev/null || echo old';

export class RollLoad {
  /** What each job that succeeded said of its image, in the order of their submission. */
  readonly images: string[] = [];
  readonly failures: string[] = [];
  private readonly clients: readonly ZerofleetClient[];
  private readonly timer: NodeJS.Timeout;
  private readonly underWay = new Set<Promise<void>>();
  private readonly waiting = new Set<{ readonly count: number; readonly done: () => void }>();
  private sent = 0;
  ended = 0;
  private longestMs = 0;

  /** Sends until stop(). */
  constructor(clients: readonly ZerofleetClient[]) {
    this.clients = clients;
    this.timer = setInterval(() => {
      const job = this.send(this.sent++);
      this.underWay.add(job);
      void job.finally(() => this.underWay.delete(job));
    }, EVERY_MS);
  }

  /** Waits until `count` jobs have ended. */
  reach(count: number): Promise<void> {
    if (this.ended >= count) return Promise.resolve();
    return new Promise((done) => this.waiting.add({ count, done }));
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  get summary(): string {
    return `${this.ended} jobs, ${this.failures.length} failed, the longest took ${(this.longestMs / 1_000).toFixed(1)} s`;
  }

  private async send(n: number): Promise<void> {
    const client = this.clients[n % this.clients.length];
    const began = performance.now();
    const job = { tool: 'code_execution', arguments: { runtime: 'terminal', code: CODE } };
    try {
      const view = await client?.submit(job, { waitMs: WAIT_MS });
      if (view?.stage === 'succeeded')
        this.images[n] = (view.output?.chunks ?? [])
          .map(({ data }) => data)
          .join('')
          .trim();
      else this.failures.push(`${n}: ${view?.stage ?? ''} ${JSON.stringify(view?.error)}`);
    } catch (error) {
      this.failures.push(`${n}: ${String(error)}`);
    }
    this.longestMs = Math.max(this.longestMs, performance.now() - began);
    this.ended += 1;
    for (const one of this.waiting)
      if (this.ended >= one.count) {
        this.waiting.delete(one);
        one.done();
      }
  }
}
