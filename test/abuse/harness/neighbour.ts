/**
 * A neighbour of the attacked: another tenant whose small jobs go through warm containers at a steady rate all the time, in a
 * process of its own, so that what a test does with its hostile jobs is not measured.
 *
 * B1  A window has every job that was due in it, also those whose outcome came after it.
 * B2  Nothing of an attack falls into the quiet after it: first no container is on its way any more, and no job waits.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '@zerofleet/launch';
import { eventually } from '../../fleet/eventually.js';
import type { AbuseFacts } from '../setup.js';
import { judge, SAMPLES_MIN, type Sample, type Verdict } from './latency.js';

/** What the process is told. */
export interface NeighbourOrder {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly everyMs: number;
}
/** What it tells: when its first job is due, and then of each job; `why` it failed is empty for one that did not. */
export type NeighbourMessage =
  { readonly firstAtMs: number } | { readonly dueAtMs: number; readonly ms: number; readonly why: string };

/** 40 jobs a second. */
const EVERY_MS = 25;
const WARM_UP = 100;
/** Jobs of one quiet: half of what a verdict needs. */
const QUIET = SAMPLES_MIN / 2;
/** Rounds of quiet and attack, at most. */
const ROUNDS_MAX = 3;
const LATE_MS = 45_000;
/** The fleet is calm when for so long no container was starting and no more jobs than a few were under way. */
const CALM_MS = 500;
const FEW = 3;

const nowMs = (): number => performance.timeOrigin + performance.now();

export interface Measured extends Verdict {
  readonly rounds: number;
  readonly failures: readonly string[];
}

/** Whether the worker starts containers. */
const startsContainers = async ({ adminUrls }: AbuseFacts): Promise<boolean> => {
  const answer = (await (await fetch(`${adminUrls.worker}/readyz`)).json()) as {
    details: { pools: { starting: number }[] };
  };
  return answer.details.pools.some(({ starting }) => starting > 0);
};

export class Neighbour {
  private readonly of: AbuseFacts;
  private readonly child: ChildProcess;
  private readonly samples: Sample[] = [];
  private readonly failures: string[] = [];
  private firstAtMs = Infinity;
  private quietBefore: Sample[] | undefined;

  private constructor(of: AbuseFacts) {
    this.of = of;
    const entry = join(ROOT, 'test', 'dist', 'abuse', 'harness', 'neighbour-main.js');
    this.child = fork(entry, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message: NeighbourMessage) => this.hear(message));
    const order: NeighbourOrder = { apiUrl: of.apiUrl, apiKey: of.keys.neighbour, everyMs: EVERY_MS };
    this.child.send(order);
  }

  /** Starts one; its first jobs, which meet cold containers and code that never ran, are not measured. */
  static async start(of: AbuseFacts): Promise<Neighbour> {
    const neighbour = new Neighbour(of);
    await neighbour.reach('a neighbour that works', WARM_UP);
    return neighbour;
  }

  stop(): void {
    this.child.disconnect();
  }

  /**
   * Measures while `attack` runs, again and again, for as many samples as are needed. A p99 of a few seconds is a matter of two
   * or three jobs, and whatever else the machine does falls on some of them: where the bound is not held, more rounds of quiet
   * and attack follow, and the verdict is that on all of them together.
   */
  async measure(attack: () => Promise<void>, roundsMax = ROUNDS_MAX): Promise<Measured> {
    // The jobs of the quiet before this attack, and what was quiet last before those.
    const quiet = [...(this.quietBefore ?? (await this.quiet())).slice(-QUIET), ...(await this.quiet())];
    const attacked: Sample[] = [];
    for (let rounds = 1; ; rounds += 1) {
      attacked.push(...(await this.during(attack)));
      const verdict = judge(quiet, attacked);
      if (verdict.held || rounds === roundsMax)
        return { ...verdict, rounds, failures: this.failures.splice(0) };
      quiet.push(...(await this.quiet()), ...(await this.quiet()));
    }
  }

  private async quiet(): Promise<Sample[]> {
    await this.settle();
    const fromMs = nowMs();
    await this.reach('a quiet neighbour', this.dueBy(fromMs) + QUIET);
    return (this.quietBefore = await this.between(fromMs, nowMs()));
  }

  /** Waits until what an attack left to be done is done (B2). */
  private async settle(): Promise<void> {
    let calmSinceMs = Infinity;
    await eventually(
      'the fleet after an attack',
      async () => {
        const isCalm = this.dueBy(nowMs()) - this.samples.length <= FEW && !(await startsContainers(this.of));
        calmSinceMs = isCalm ? Math.min(calmSinceMs, nowMs()) : Infinity;
        return nowMs() - calmSinceMs >= CALM_MS ? true : undefined;
      },
      LATE_MS,
    );
  }

  private async during(attack: () => Promise<void>): Promise<Sample[]> {
    const fromMs = nowMs();
    const enough = this.dueBy(fromMs) + SAMPLES_MIN;
    do await attack();
    while (this.dueBy(nowMs()) < enough);
    return this.between(fromMs, nowMs());
  }

  /** Jobs that were due by then. */
  private dueBy(atMs: number): number {
    return Math.max(0, Math.floor((atMs - this.firstAtMs) / EVERY_MS) + 1);
  }

  /** Waits until the first `count` jobs are over. */
  private async reach(what: string, count: number): Promise<void> {
    const over = async (): Promise<true | undefined> => {
      if (this.child.exitCode !== null) throw new Error(`the neighbour ended with ${this.child.exitCode}`);
      return this.samples.length >= count ? true : undefined;
    };
    await eventually(`${what}: ${count} jobs`, over, LATE_MS, 10);
  }

  private async between(fromMs: number, toMs: number): Promise<Sample[]> {
    await this.reach('the neighbour’s last jobs', this.dueBy(toMs));
    return this.samples.filter(({ dueAtMs }) => dueAtMs >= fromMs && dueAtMs <= toMs);
  }

  private hear(message: NeighbourMessage): void {
    if ('firstAtMs' in message) {
      this.firstAtMs = message.firstAtMs;
      return;
    }
    const { dueAtMs, ms, why } = message;
    this.samples.push({ dueAtMs, ms: why === '' ? ms : Infinity });
    if (why !== '') this.failures.push(why);
  }
}
