/** The commit pipeline over the in-memory ledger; lives here because the testkit may import the coordinator, not the other way round. */
import { describe, expect, it } from 'vitest';
import { CommitPipeline } from '@zerofleet/coordinator';
import type { JobId } from '@zerofleet/model';
import { decodeCommit } from '@zerofleet/protocol';
import {
  MemoryLedger,
  MemoryLog,
  NO_LEDGER_FAULTS,
  Prng,
  ProcessClock,
  settled,
  VirtualClock,
} from './index.js';

const event = (n: number) => ({
  kind: 'cancel_requested' as const,
  id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
});

const setup = (faults = NO_LEDGER_FAULTS) => {
  const clock = new VirtualClock();
  const log = new MemoryLog();
  const lost: string[] = [];
  // The reign's own `elected`, which the first commit expects before it.
  log.store(Buffer.from('{}'), '1.a.0', { lastSeq: 0, lastId: null });
  const ledger = new MemoryLedger(log, new ProcessClock(clock), new Prng(1), () => current.faults);
  const current = { faults };
  const pipeline = new CommitPipeline({
    ledger,
    clock,
    epoch: 1,
    leader: 'a',
    tailSeq: 1,
    window: 2,
    recoverPauseMs: 10,
    onLost: (reason) => lost.push(reason),
    onTrouble: () => undefined,
  });
  const run = async (until: () => boolean): Promise<void> => {
    await settled();
    for (let n = 0; n < 10_000 && !until(); n += 1) await clock.step();
  };
  const sizes = (): number[] =>
    log.history.slice(1).map((bytes) => {
      const commit = decodeCommit(bytes);
      return commit.ok ? commit.value.events.length : -1;
    });
  return { clock, log, lost, pipeline, run, sizes, current };
};

describe('commit pipeline', () => {
  it('runs effects in order, only once stored, and groups what one turn stages', async () => {
    const { log, pipeline, run, sizes } = setup();
    const done: number[] = [];
    for (let n = 0; n < 5; n += 1) pipeline.stage([event(n)], () => done.push(n));
    expect(done).toEqual([]);
    await run(() => done.length === 5);
    expect(done).toEqual([0, 1, 2, 3, 4]);
    expect(sizes()).toEqual([5]);
    expect(log.lastSeq).toBe(2);
  });

  it('never puts more than 256 events into one commit', async () => {
    const { pipeline, run, sizes } = setup();
    let done = 0;
    for (let n = 0; n < 600; n += 1) pipeline.stage([event(n)], () => (done += 1));
    await run(() => done === 600);
    expect(Math.max(...sizes())).toBe(256);
    expect(sizes().reduce((sum, size) => sum + size, 0)).toBe(600);
  });

  it('finds its own commits again after answers were lost, and repeats only what is missing', async () => {
    const { pipeline, run, sizes, current, lost } = setup({
      ...NO_LEDGER_FAULTS,
      storedButUnanswered: 500,
      lost: 300,
      timeoutMs: 20,
    });
    let done = 0;
    for (let n = 0; n < 40; n += 1) {
      pipeline.stage([event(n)], () => (done += 1));
      await settled();
    }
    await run(() => done >= 20);
    current.faults = NO_LEDGER_FAULTS;
    await run(() => done === 40);
    expect(done).toBe(40);
    expect(sizes().reduce((sum, size) => sum + size, 0)).toBe(40);
    expect(lost).toEqual([]);
  });

  it("ends the reign when another's message stands at the tail", async () => {
    const { log, pipeline, run, lost } = setup();
    log.store(Buffer.from('{"v":1,"epoch":2,"batch":0,"atMs":0,"events":[]}'), '2.b.0', {
      lastSeq: 1,
      lastId: null,
    });
    let effects = 0;
    pipeline.stage([event(1)], () => (effects += 1));
    await run(() => lost.length > 0);
    expect(lost[0]).toMatch(/appended by another/);
    expect(effects).toBe(0);
    expect(pipeline.healthy).toBe(false);
  });
});
