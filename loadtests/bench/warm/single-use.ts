/**
 * Jobs that each want a container which nobody had, of a tenant that had none before: how many the pool can start, and how
 * many find one ready.
 */
import type { EmbeddedFleet } from '@zerofleet/launch';
import type { Random } from '../fairness/random.js';
import { Api } from './api.js';
import { watchCores } from './machine-load.js';
import { openLoop } from './open-loop.js';
import { WorkerMetrics, type Spread } from './worker-metrics.js';

const MS_PER_S = 1_000;
const CLAIMS = 'zf_pool_claims_total';
const STARTS = 'zf_pool_start_seconds';
const HANDOVERS = 'zf_attempt_handover_seconds';

/** What the pool did between two moments. */
export interface PoolWindow {
  readonly seconds: number;
  /** Jobs that asked for a container. */
  readonly claims: number;
  /** Those that got one at once. */
  readonly hits: number;
  /** Containers that started. */
  readonly starts: number;
  /** From asking to STARTED, of those that waited for a container's start. */
  readonly misses: Spread;
  /** Containers that stood ready at its beginning. */
  readonly stock: number;
  /** The machine's busy share. */
  readonly busy: number;
}

/** Single-use jobs on one fleet; each is another tenant's than the ones before, as far as its tenants go. */
export class SingleUse {
  private readonly fleet: EmbeddedFleet;
  private readonly api: Api;
  private readonly signal: AbortSignal;
  private sent = 0;

  constructor(fleet: EmbeddedFleet, signal: AbortSignal) {
    this.fleet = fleet;
    this.api = new Api(fleet.apiUrl);
    this.signal = signal;
  }

  /** `inFlight` jobs at any time, each of which the next one follows at once: more than any stock has for long. */
  flat(inFlight: number, seconds: number): Promise<PoolWindow> {
    const endMs = performance.now() + seconds * MS_PER_S;
    const line = async (): Promise<void> => {
      while (performance.now() < endMs) await this.job();
    };
    return this.watch(() => Promise.all(Array.from({ length: inFlight }, line)));
  }

  /** Independent arrivals, so many a second. */
  arrivals(rate: number, seconds: number, random: Random): Promise<PoolWindow> {
    const { signal } = this;
    return this.watch(() => openLoop({ rate, seconds, random, signal, send: () => this.job() }));
  }

  close(): void {
    this.api.close();
  }

  private async job(): Promise<void> {
    this.signal.throwIfAborted();
    const n = this.sent++;
    const { tenants } = this.fleet;
    const tenant = tenants[n % tenants.length];
    if (tenant === undefined) throw new Error('a fleet without tenants');
    await this.api.outcome(tenant.apiKey, { tool: 'echo', arguments: { text: `job ${n}` } });
  }

  private async watch(run: () => Promise<unknown>): Promise<PoolWindow> {
    const url = this.fleet.adminUrls.worker;
    const [began, busy] = [performance.now(), watchCores()];
    const before = await WorkerMetrics.read(url);
    await run();
    const after = await WorkerMetrics.read(url);
    const gained = (name: string, ...labels: string[]): number =>
      after.value(name, ...labels) - before.value(name, ...labels);
    const cold = ['how="cold"'];
    return {
      seconds: (performance.now() - began) / MS_PER_S,
      claims: gained(CLAIMS),
      hits: gained(CLAIMS) - gained(CLAIMS, ...cold),
      starts: gained(`${STARTS}_count`),
      misses: after.spread(HANDOVERS, ...cold).since(before.spread(HANDOVERS, ...cold)),
      stock: before.value('zf_pool_containers', 'state="warm"'),
      busy: busy(),
    };
  }
}
