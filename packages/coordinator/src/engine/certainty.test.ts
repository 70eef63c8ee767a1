import { describe, expect, it } from 'vitest';
import type { Clock } from '@zerofleet/runtime';
import { Certainty } from './certainty.js';
import type { CommitPipeline } from './commit-pipeline.js';
import type { LedgerPort } from './ports.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A leader whose ledger and pipeline are set by hand. */
class Bench {
  nowMs = 0;
  pipeline = { healthy: true, tailSeq: 10, stagedSeq: 10, backlog: 0 };
  lastSeq: () => Promise<number> = () => Promise.resolve(this.pipeline.tailSeq);
  readonly certainty: Certainty;

  constructor() {
    const clock = { nowMs: () => this.nowMs } as Partial<Clock> as Clock;
    const usage = async () => ({ bytes: 0, maxBytes: 1, lastSeq: await this.lastSeq() });
    const ledger = { usage } as Partial<LedgerPort> as LedgerPort;
    this.certainty = new Certainty(clock, ledger, this.pipeline as CommitPipeline);
  }

  async look(afterMs = 500): Promise<void> {
    this.nowMs += afterMs;
    this.certainty.look();
    await settled();
  }
}

describe('Certainty', () => {
  it('is there while the leader looks around and its appends go through', async () => {
    const bench = new Bench();
    expect(bench.certainty.isSure).toBe(true);
    await bench.look();
    expect(bench.certainty.isSure).toBe(true);
    bench.pipeline.healthy = false;
    expect(bench.certainty.isSure).toBe(false);
  });

  it('is gone while the leader sleeps, before it knows that it slept', () => {
    const bench = new Bench();
    bench.nowMs = 999;
    expect(bench.certainty.isSure).toBe(true);
    bench.nowMs = 1_000;
    expect(bench.certainty.isSure).toBe(false);
  });

  it('comes back after a disturbance with an append that was staged after it, or a look at the ledger', async () => {
    const bench = new Bench();
    bench.lastSeq = () => Promise.reject(new Error('away'));
    bench.pipeline.stagedSeq = 12;
    bench.certainty.disturbed();
    await bench.look();
    for (const [tailSeq, isSure] of [
      [11, false],
      [12, false],
      [13, true],
    ] as const) {
      bench.pipeline.tailSeq = tailSeq;
      expect(bench.certainty.isSure).toBe(isSure);
    }
    bench.pipeline.stagedSeq = 13;
    bench.certainty.disturbed();
    expect(bench.certainty.isSure).toBe(false);
    bench.lastSeq = () => Promise.resolve(13);
    await bench.look();
    expect(bench.certainty.isSure).toBe(true);
  });

  it('does not take a look for more than it is: another appended, appends are under way, it was disturbed meanwhile', async () => {
    for (const what of ['another', 'backlog', 'disturbed'] as const) {
      const bench = new Bench();
      bench.certainty.disturbed();
      if (what === 'backlog') bench.pipeline.backlog = 1;
      bench.lastSeq = () => {
        if (what === 'disturbed') bench.certainty.disturbed();
        return Promise.resolve(what === 'another' ? 11 : 10);
      };
      await bench.look();
      expect(bench.certainty.isSure).toBe(false);
    }
  });

  it('ends with the reign', () => {
    const bench = new Bench();
    bench.certainty.end();
    expect(bench.certainty.isSure).toBe(false);
  });

  it('is confirmed by the ledger alone beside a release that asks nobody before it leads', async () => {
    const bench = new Bench();
    expect(await bench.certainty.confirm()).toBe(true);
    bench.lastSeq = () => Promise.resolve(11);
    expect(await bench.certainty.confirm()).toBe(false);
    bench.lastSeq = () => Promise.reject(new Error('away'));
    expect(await bench.certainty.confirm()).toBe(false);
    bench.lastSeq = () => Promise.resolve(10);
    bench.certainty.end();
    expect(await bench.certainty.confirm()).toBe(false);
  });
});
