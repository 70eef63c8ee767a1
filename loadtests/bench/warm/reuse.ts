/** Jobs of a few tenants at a steady rate, whose containers are reused: how soon they start, and have their outcome. */
import type { EmbeddedFleet } from '@zerofleet/launch';
import { ZerofleetClient } from '@zerofleet/sdk';
import type { Random } from '../fairness/random.js';
import { Api } from './api.js';
import { firstByteMs } from './first-byte.js';
import { busyFor, watchCores } from './machine-load.js';
import { openLoop } from './open-loop.js';
import type { Spread } from './worker-metrics.js';
import { WorkerMetrics } from './worker-metrics.js';

/** Every so many-th job is one that says when it wrote, and is followed live. */
const PROBE_EVERY = 50;
/** The machine without load is looked at for so long before a window, in ms. */
const QUIET_MS = 1_000;

export interface ReuseLoad {
  /** Jobs a second, of all tenants together. */
  readonly rate: number;
  readonly seconds: number;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** What one window of load brought. */
export interface ReuseWindow {
  /** Submission to outcome over HTTP, in ms. */
  readonly outcomesMs: readonly number[];
  readonly firstBytesMs: readonly number[];
  /** How late jobs were sent, in ms. */
  readonly lateMs: readonly number[];
  /** GO to STARTED. */
  readonly starts: Spread;
  /** From asking the pool for a container to STARTED, of all jobs. */
  readonly handovers: Spread;
  readonly claims: { readonly reused: number; readonly all: number };
  /** The machine's busy share before the load and under it. */
  readonly busy: { readonly before: number; readonly during: number };
}

/** The load of all tenants of `fleet`, one of which sends each job, in turn. */
export const reuseWindow = async (fleet: EmbeddedFleet, load: ReuseLoad): Promise<ReuseWindow> => {
  const api = new Api(fleet.apiUrl);
  const outcomesMs: number[] = [];
  const firstBytesMs: number[] = [];
  const echo = async (apiKey: string, text: string): Promise<void> => {
    const began = performance.now();
    const job = await api.outcome(apiKey, { tool: 'echo', arguments: { text } });
    outcomesMs.push(performance.now() - began);
    if (JSON.stringify(job.result) !== JSON.stringify({ text }))
      throw new Error(`job ${job.id} brought ${JSON.stringify(job.result)}`);
  };
  const clients = fleet.tenants.map(({ apiKey }) => new ZerofleetClient({ urls: [fleet.apiUrl], apiKey }));
  const send = async (n: number): Promise<void> => {
    const tenant = n % fleet.tenants.length;
    const [client, apiKey] = [clients[tenant], fleet.tenants[tenant]?.apiKey];
    if (client === undefined || apiKey === undefined) throw new Error('a fleet without tenants');
    if (n % PROBE_EVERY === PROBE_EVERY - 1) firstBytesMs.push(await firstByteMs(client, load.signal));
    else await echo(apiKey, `job ${n}`);
  };
  const before = await busyFor(QUIET_MS);
  const [share, earlier] = [watchCores(), await WorkerMetrics.read(fleet.adminUrls.worker)];
  try {
    const lateMs = await openLoop({ ...load, send });
    const during = share();
    const later = await WorkerMetrics.read(fleet.adminUrls.worker);
    const spread = (name: string): Spread => later.spread(name).since(earlier.spread(name));
    const claimed = (...labels: string[]): number =>
      later.value('zf_pool_claims_total', ...labels) - earlier.value('zf_pool_claims_total', ...labels);
    return {
      outcomesMs,
      firstBytesMs,
      lateMs,
      starts: spread('zf_attempt_start_seconds'),
      handovers: spread('zf_attempt_handover_seconds'),
      claims: { reused: claimed('how="reused"'), all: claimed() },
      busy: { before, during },
    };
  } finally {
    api.close();
  }
};
