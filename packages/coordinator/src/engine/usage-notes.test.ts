import { beforeEach, describe, expect, it } from 'vitest';
import type { TenantId } from '@zerofleet/model';
import type { UsagePage } from '@zerofleet/protocol';
import { silentLogger, type Clock } from '@zerofleet/runtime';
import type { CommitPipeline } from './commit-pipeline.js';
import type { UsageBook } from './usage-book.js';
import { UsageNotes } from './usage-notes.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Notes over a pipeline and a store that do what the test says. */
class Bench {
  nowMs = 0;
  staged = 5;
  stored = 0;
  needed = true;
  failing = false;
  readonly saved: UsagePage[] = [];
  readonly untaken: number[] = [];
  readonly asked: { readonly seq: number; readonly all: boolean }[] = [];
  readonly notes: UsageNotes;

  constructor() {
    const page = (seq: number): UsagePage => ({ v: 1, page: 7, seq, day: 0, spanMs: 1, tenants: [] });
    this.notes = new UsageNotes({
      port: {
        load: () => Promise.resolve([]),
        save: (one) => {
          if (this.failing) return Promise.reject(new Error('away'));
          this.saved.push(one);
          return Promise.resolve();
        },
      },
      book: {
        takePages: (seq: number, _atMs: number, all: boolean) => {
          this.asked.push({ seq, all });
          return [page(seq)];
        },
        untake: (which: number) => this.untaken.push(which),
      } as unknown as UsageBook,
      pipeline: Object.defineProperty({ seal: () => this.staged }, 'tailSeq', {
        get: () => this.stored,
      }) as unknown as CommitPipeline,
      clock: {
        nowMs: () => this.nowMs,
        wallMs: () => this.nowMs,
        after: () => () => undefined,
      } satisfies Clock,
      log: silentLogger(),
      isNeeded: () => this.needed,
      isLimited: (_tenant: TenantId) => true,
    });
  }

  async tick(): Promise<void> {
    this.notes.tick();
    await settled();
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('notes of usage', () => {
  it('are written once what they hold is stored, and let the ledger go from there on', async () => {
    expect(bench.notes.keepFrom).toBe(1);
    await bench.tick();
    await bench.tick();
    expect(bench.saved).toEqual([]);
    bench.stored = 5;
    await bench.tick();
    expect(bench.saved.map(({ seq }) => seq)).toEqual([5]);
    expect(bench.notes.keepFrom).toBe(6);
  });

  it('are whole at first, and then of what has changed, every so often', async () => {
    bench.stored = 99;
    await bench.tick();
    await bench.tick();
    await bench.tick();
    expect(bench.asked).toEqual([{ seq: 5, all: true }]);
    bench.nowMs = 10_000;
    bench.staged = 20;
    await bench.tick();
    await bench.tick();
    expect(bench.asked.at(-1)).toEqual({ seq: 20, all: false });
    expect(bench.notes.keepFrom).toBe(21);
  });

  it('that cannot be written are taken again, and the ledger stays', async () => {
    bench.stored = 99;
    bench.failing = true;
    await bench.tick();
    await bench.tick();
    expect(bench.untaken).toEqual([7]);
    expect(bench.notes.keepFrom).toBe(1);
    bench.failing = false;
    bench.nowMs = 10_000;
    await bench.tick();
    await bench.tick();
    expect(bench.asked.at(-1)?.all).toBe(true);
    expect(bench.notes.keepFrom).toBe(6);
  });

  it('hold nothing where nobody has such a quota, and are whole again once somebody has', async () => {
    bench.needed = false;
    bench.stored = 99;
    await bench.tick();
    expect(bench.notes.keepFrom).toBe(Infinity);
    bench.needed = true;
    bench.nowMs = 10_000;
    await bench.tick();
    await bench.tick();
    expect(bench.asked).toEqual([{ seq: 5, all: true }]);
  });
});
