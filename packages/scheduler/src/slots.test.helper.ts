/** Slots on a virtual clock: jobs run for as long as they are said to, and the scheduler is asked whenever one ends. */
import type { WorkerId } from '@zerofleet/model';
import { hostOf, TestJob, type JobForm } from './fair.test.helper.js';
import { FairScheduler, MinHeap } from './index.js';

/** Who has work without end: `form` is what its nth job asks for, `ranMs` how long that takes. */
export interface Source {
  readonly form: (n: number) => JobForm;
  readonly ranMs: (n: number) => number;
  /** Jobs that it keeps waiting. */
  readonly depth: number;
}

export interface Served {
  /** Runtime, ms. */
  ranMs: number;
  starts: number;
}

interface Ending {
  readonly job: TestJob;
  readonly ranMs: number;
}

export class Slots {
  readonly scheduler = new FairScheduler<TestJob>();
  /** Jobs of each source that wait. */
  readonly waiting: Set<TestJob>[];
  /** Is told of each job that starts, and then asked between two times. */
  watch: { started(job: TestJob): void; pause(): void } | null = null;
  readonly served: Served[];
  nowMs = 0;
  starts = 0;
  private readonly sources: readonly Source[];
  private readonly owner = new Map<TestJob, { readonly source: number; readonly ranMs: number }>();
  private readonly ends = new MinHeap<Ending>();
  private readonly counts: number[];
  private free: number;

  constructor(slots: number, sources: readonly Source[]) {
    this.free = slots;
    this.sources = sources;
    this.served = sources.map(() => ({ ranMs: 0, starts: 0 }));
    this.counts = sources.map(() => 0);
    this.waiting = sources.map(() => new Set());
    this.offer();
    sources.forEach(({ depth }, at) => {
      for (let n = 0; n < depth; n += 1) this.submit(at);
    });
  }

  /** Runs until `starts` jobs have started in all. */
  run(starts: number): void {
    while (this.starts < starts) {
      const untilMs = this.fill();
      this.watch?.pause();
      const atMs = this.ends.firstKey;
      if (untilMs !== null && untilMs < atMs) {
        this.nowMs = untilMs;
        continue;
      }
      const ending = this.ends.pop();
      if (ending === undefined) throw new Error('nothing runs and nothing may');
      this.nowMs = atMs;
      this.free += 1;
      this.scheduler.ended(ending.job, this.nowMs, ending.ranMs);
      this.offer();
    }
  }

  /** Starts all that may run; until when nothing more may, if that is known. */
  private fill(): number | null {
    for (;;) {
      const turn = this.scheduler.next(this.nowMs);
      if (turn.kind !== 'run') return turn.kind === 'wait' ? turn.untilMs : null;
      const { source, ranMs } = this.owner.get(turn.job) as { source: number; ranMs: number };
      const served = this.served[source] as Served;
      this.owner.delete(turn.job);
      this.waiting[source]?.delete(turn.job);
      this.watch?.started(turn.job);
      this.free -= 1;
      this.starts += 1;
      served.ranMs += ranMs;
      served.starts += 1;
      this.ends.push({ job: turn.job, ranMs }, this.nowMs + ranMs);
      this.submit(source);
    }
  }

  private submit(at: number): void {
    const { form, ranMs } = this.sources[at] as Source;
    const n = this.counts[at] as number;
    this.counts[at] = n + 1;
    const job = new TestJob(`${at}-${n}`, form(n));
    this.waiting[at]?.add(job);
    this.owner.set(job, { source: at, ranMs: ranMs(n) });
    this.scheduler.add(job, this.nowMs);
  }

  private offer(): void {
    this.scheduler.setHost({ ...hostOf(this.free), worker: 'w' as WorkerId });
  }
}

/** Jain's index: 1 when all are equal, 1/n when one has everything. */
export const jain = (values: readonly number[]): number => {
  const sum = values.reduce((all, one) => all + one, 0);
  return sum ** 2 / (values.length * values.reduce((all, one) => all + one ** 2, 0));
};
