/**
 * The load itself: autocannon instances that submit jobs and keep every accepted id.
 *
 * A1  Submissions only: autocannon is a closed loop, so a request is never held until its job's outcome. Outcomes are
 *     the audit's.
 * A2  An instance ends short of its last second's end: its share of each second is sent in the first part of it.
 */
import autocannon from 'autocannon';
import { ConnectionWatch, noCounts, type Counts } from './connection-watch.js';
import { Latency, type EncodedLatency } from './latency.js';
import { offeredBy, planInstances, type InstancePlan } from './plan.js';
import type { Workload } from './workloads.js';

/** A request without an answer for so long counts as timed out, in s. */
const TIMEOUT_S = 10;
/** An instance stops so long before its last second is over, in s (A2). */
const STOP_EARLY_S = 0.3;
/** How often an instance looks whether its time is over, in ms. */
const SAMPLE_MS = 100;
/** Errors after which an instance gives up: a coordinator that is gone must not be hammered. */
const BAILOUT_PER_RATE = 20;

export interface LoadOptions {
  readonly url: string;
  readonly apiKey: string;
  /** Submissions a second. */
  readonly rate: number;
  /** Whole seconds. */
  readonly durationS: number;
}

/** A job that was answered with 202: its number in the run and its id. */
export type Accepted = readonly [n: number, id: string];

export interface LoadResult {
  /** Requests that the plan asks for. */
  readonly offered: number;
  readonly counts: Counts;
  readonly accepted: readonly Accepted[];
  /** Answers of 202 whose body named no job. */
  readonly unreadable: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly latency: EncodedLatency;
}

/** Runs the load to its end. */
export const runLoad = async (options: LoadOptions, workload: Workload): Promise<LoadResult> => {
  const run = new LoadRun(options, workload);
  const plans = planInstances(options.rate);
  await Promise.all(plans.map((plan) => run.instance(plan)));
  return run.result(offeredBy(plans, options.durationS));
};

/** What autocannon hands from setupRequest to onResponse of the same request. */
interface RequestContext {
  n?: number;
}

class LoadRun {
  private readonly options: LoadOptions;
  private readonly workload: Workload;
  private readonly counts = noCounts();
  private readonly latency = Latency.empty();
  private readonly accepted: Accepted[] = [];
  private readonly statuses: Record<string, number> = {};
  private unreadable = 0;
  private next = 0;

  constructor(options: LoadOptions, workload: Workload) {
    this.options = options;
    this.workload = workload;
  }

  result(offered: number): LoadResult {
    const { counts, accepted, unreadable, statuses } = this;
    return { offered, counts, accepted, unreadable, statuses, latency: this.latency.encode() };
  }

  async instance(plan: InstancePlan): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, plan.startMs));
    const watches: ConnectionWatch[] = [];
    await autocannon({
      url: this.options.url,
      connections: plan.connections,
      overallRate: plan.rate,
      duration: this.options.durationS - STOP_EARLY_S,
      timeout: TIMEOUT_S,
      bailout: plan.rate * BAILOUT_PER_RATE,
      sampleInt: SAMPLE_MS,
      pipelining: 1,
      ignoreCoordinatedOmission: true,
      skipAggregateResult: true,
      requests: [this.request()],
      setupClient: (client) => watches.push(this.watch(client, plan)),
    });
    for (const watch of watches) watch.runEnded();
  }

  private request(): autocannon.Request {
    const headers = { authorization: `Bearer ${this.options.apiKey}`, 'content-type': 'application/json' };
    return {
      method: 'POST',
      path: '/v1/jobs',
      headers,
      setupRequest: (request, context) => {
        const n = this.next++;
        (context as RequestContext).n = n;
        return {
          ...request,
          body: JSON.stringify({ tool: this.workload.tool, arguments: this.workload.argumentsOf(n) }),
        };
      },
      onResponse: (status, body, context) => this.answered(status, body, context),
    };
  }

  /** Listens before the client's first request leaves, which autocannon's own `request` count misses. */
  private watch(client: autocannon.Client, { ratePerConnection }: InstancePlan): ConnectionWatch {
    const watch = new ConnectionWatch(this.counts, this.latency, ratePerConnection, () => performance.now());
    client.addListener('request', () => watch.sent());
    client.addListener('timeout', () => watch.timedOut());
    client.on('response', (status, _bytes, tookMs) => watch.answered(status, tookMs));
    return watch;
  }

  private answered(status: number, body: string, { n }: RequestContext): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (status !== 202) return;
    const id = idIn(body);
    if (id === undefined || n === undefined) this.unreadable += 1;
    else this.accepted.push([n, id]);
  }
}

const idIn = (body: string): string | undefined => {
  try {
    const { id } = JSON.parse(body) as { id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
};
