/**
 * The two loads: a closed loop that finds a system's peak, and an open one that finds its latency at a given rate.
 *
 * V1  A job counts once, when its outcome was heard of.
 * V2  The open loop measures from the moment when a job was meant to be sent, so a producer or system that falls behind
 *     shows.
 * V3  A load ends when every job of it has its outcome, or breaks.
 */
import { percentile } from '../../shared/report.js';
import type { Listener, QueueClient } from './client.js';

/** Jobs without an outcome for so long after the load's end are lost, and the run is broken, in ms. */
const DRAIN_MS = 60_000;
const LOOK_MS = 1;

export interface ClosedLoad {
  readonly kind: 'closed';
  readonly inFlight: number;
  readonly warmMs: number;
  readonly runMs: number;
}

export interface OpenLoad {
  readonly kind: 'open';
  /** Jobs a second. */
  readonly rate: number;
  readonly warmMs: number;
  readonly runMs: number;
}

/** Outcomes of a closed loop after its warm-up. */
export interface ClosedResult {
  readonly jobs: number;
  /** Those of the warm-up and the drain as well. */
  readonly allJobs: number;
  readonly perSecond: number;
}

/** Latencies of an open loop after its warm-up, in ms. */
export interface OpenResult {
  readonly jobs: number;
  readonly p50: number;
  readonly p99: number;
}

/** Drives one client; one load at a time. */
export class Drive implements Listener {
  private next = 0;
  private readonly live = new Set<number>();
  private onDone: (n: number) => void = () => undefined;
  private broken: Error | undefined;
  private wake: () => void = () => undefined;

  done(n: number): void {
    if (!this.live.delete(n)) return;
    this.onDone(n);
    if (this.live.size === 0) this.wake();
  }

  failed(error: Error): void {
    this.broken ??= error;
    this.wake();
  }

  async closed(client: QueueClient, { inFlight, warmMs, runMs }: ClosedLoad): Promise<ClosedResult> {
    let jobs = 0;
    let open = true;
    this.onDone = () => {
      jobs += 1;
      if (open && this.broken === undefined) this.submit(client);
    };
    for (let n = 0; n < inFlight; n += 1) this.submit(client);
    await pause(warmMs);
    const [began, before] = [performance.now(), jobs];
    await pause(runMs);
    const [ended, after] = [performance.now(), jobs];
    open = false;
    await this.drained();
    return { jobs: after - before, allJobs: jobs, perSecond: ((after - before) * 1_000) / (ended - began) };
  }

  async open(client: QueueClient, { rate, warmMs, runMs }: OpenLoad): Promise<OpenResult> {
    const total = Math.round((rate * (warmMs + runMs)) / 1_000);
    const unmeasured = Math.round((rate * warmMs) / 1_000);
    const [first, began] = [this.next, performance.now()];
    const dueMs = (index: number): number => began + (index * 1_000) / rate;
    const samples: number[] = [];
    this.onDone = (n) => {
      const index = n - first;
      if (index >= unmeasured) samples.push(performance.now() - dueMs(index));
    };
    while (this.next < first + total && this.broken === undefined) {
      while (this.next < first + total && dueMs(this.next - first) <= performance.now()) this.submit(client);
      await pause(LOOK_MS);
    }
    await this.drained();
    return { jobs: samples.length, p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
  }

  private submit(client: QueueClient): void {
    const n = (this.next += 1) - 1;
    this.live.add(n);
    client.submit(n);
  }

  /** Resolves once no job is without its outcome. Throws when that takes too long, or the client broke. */
  private async drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, DRAIN_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.live.size === 0 || this.broken !== undefined) this.wake();
    });
    this.wake = () => undefined;
    if (this.broken !== undefined) throw this.broken;
    if (this.live.size > 0) throw new Error(`${this.live.size} jobs had no outcome after ${DRAIN_MS} ms`);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
