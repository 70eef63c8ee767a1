import type { DeadLetter, OutcomeBatch, OutcomeRecord } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { describe, expect, it } from 'vitest';
import type { OutcomePort } from './ports.js';
import { Projector } from './projector.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const record = (id: string): OutcomeRecord => ({ job: { id } }) as OutcomeRecord;

/** A projector whose store answers when the test says so. */
class Bench {
  readonly calls: { readonly what: string; readonly settle: (error?: Error) => void }[] = [];
  readonly through: number[] = [];
  private timers: (() => void)[] = [];
  readonly projector = new Projector({
    outcomes: {
      project: ({ ledgerSeq, outcomes }: OutcomeBatch) =>
        this.call(`project ${ledgerSeq}: ${outcomes.map(({ job }) => job.id).join()}`),
      bury: ({ job }: DeadLetter) => this.call(`bury ${job.id}`),
    } as Partial<OutcomePort> as OutcomePort,
    clock: {
      after: (_ms: number, fire: () => void) => {
        this.timers.push(fire);
        return () => undefined;
      },
    } as Partial<Clock> as Clock,
    retryMs: 1,
    format: () => 2,
    onThrough: (seq) => this.through.push(seq),
  });

  /** A commit of these jobs' ends is stored. */
  commit(seq: number, ids: readonly string[], dead: readonly string[] = []): void {
    for (const id of ids) {
      const letter = (): Promise<DeadLetter> => Promise.resolve(record(id) as DeadLetter);
      this.projector.add(seq, record(id), dead.includes(id) ? letter : undefined);
    }
    this.projector.stored(seq);
  }

  get asked(): readonly string[] {
    return this.calls.map(({ what }) => what);
  }

  async answer(what: string, error?: Error): Promise<void> {
    const at = this.calls.findIndex((call) => call.what === what);
    if (at < 0) throw new Error(`${what} was not asked, but ${this.asked.join('; ')}`);
    this.calls.splice(at, 1)[0]?.settle(error);
    await settled();
  }

  async retry(): Promise<void> {
    for (const fire of this.timers.splice(0)) fire();
    await settled();
  }

  private call(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.calls.push({ what, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  }
}

describe('Projector', () => {
  it('sends the outcomes of a commit in one call', async () => {
    const bench = new Bench();
    bench.commit(3, ['a', 'b']);
    bench.commit(4, ['c']);
    await settled();
    expect(bench.asked).toEqual(['project 3: a,b', 'project 4: c']);
    expect(bench.projector.backlog).toBe(3);
  });

  it('comes no further than the first commit that is not acknowledged, in whichever order they are', async () => {
    const bench = new Bench();
    bench.commit(3, ['a']);
    bench.commit(4, []);
    bench.commit(5, ['b']);
    await settled();
    await bench.answer('project 5: b');
    expect(bench.through).toEqual([]);
    await bench.answer('project 3: a');
    expect(bench.through).toEqual([5]);
    expect(bench.projector.backlog).toBe(0);
    bench.commit(6, []);
    expect(bench.through).toEqual([5, 6]);
  });

  it('tries again what failed, and keeps its place', async () => {
    const bench = new Bench();
    bench.commit(3, ['a']);
    bench.commit(4, ['b']);
    await settled();
    await bench.answer('project 3: a', new Error('away'));
    await bench.answer('project 4: b');
    expect(bench.through).toEqual([]);
    await bench.retry();
    await bench.answer('project 3: a');
    expect(bench.through).toEqual([4]);
  });

  it('stores a dead letter before the outcome that makes it one', async () => {
    const bench = new Bench();
    bench.commit(3, ['a', 'b'], ['b']);
    await settled();
    expect(bench.asked).toEqual(['bury b']);
    await bench.answer('bury b', new Error('away'));
    await bench.retry();
    await bench.answer('bury b');
    expect(bench.asked).toEqual(['project 3: a,b']);
  });

  it('has a bounded number of batches under way', async () => {
    const bench = new Bench();
    for (let seq = 1; seq <= 20; seq += 1) bench.commit(seq, [`j${seq}`]);
    await settled();
    expect(bench.calls).toHaveLength(16);
    await bench.answer('project 1: j1');
    expect(bench.calls).toHaveLength(16);
    expect(bench.through).toEqual([1]);
  });

  it('does nothing more once it is closed', async () => {
    const bench = new Bench();
    bench.commit(3, ['a']);
    await settled();
    bench.projector.close();
    await bench.answer('project 3: a');
    bench.commit(4, ['b']);
    await settled();
    expect(bench.through).toEqual([]);
    expect(bench.asked).toEqual([]);
  });
});
