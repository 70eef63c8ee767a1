import { describe, expect, it } from 'vitest';
import type { JobId } from '@zerofleet/model';
import type { SubmitReply } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { CommitPipeline } from './commit-pipeline.js';
import { ACCEPT_WAIT_MS, Intake } from './intake.js';
import type { JobSnapshot, LedgerPort } from './ports.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ID = '0192f3a0-0000-7000-8000-000000000001' as JobId;
const JOB = { envelope: { id: ID } } as JobSnapshot;
const pipeline = (healthy = true, backlog = 0, bytesStaged = 0): CommitPipeline =>
  ({ healthy, backlog, bytesStaged }) as Partial<CommitPipeline> as CommitPipeline;

interface Usage {
  readonly bytes: number;
  readonly maxBytes: number;
}

class Bench {
  usage: () => Promise<Usage> = () => Promise.resolve({ bytes: 0, maxBytes: 100 });
  asked = 0;
  readonly intake: Intake;
  private nowMs = 0;
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];

  constructor() {
    const clock: Clock = {
      nowMs: () => this.nowMs,
      wallMs: () => 0,
      after: (delayMs, fire) => {
        this.timers.push({ atMs: this.nowMs + delayMs, fire });
        return () => undefined;
      },
    };
    const ledger = {
      usage: () => {
        this.asked += 1;
        return this.usage();
      },
    } as Partial<LedgerPort> as LedgerPort;
    this.intake = new Intake({ clock, ledger, queuedMax: 10 });
  }

  async fill(bytes: number): Promise<void> {
    this.usage = () => Promise.resolve({ bytes, maxBytes: 100 });
    this.intake.refreshUsage(pipeline());
    await settled();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { fire } of due) fire();
  }

  get answer(): string | undefined {
    return this.intake.check(pipeline(), 0);
  }
}

describe('intake', () => {
  it('takes jobs up to its bound', () => {
    const { intake } = new Bench();
    expect(intake.check(pipeline(), 9)).toBeUndefined();
    expect(intake.check(pipeline(), 10)).toBe('queue_full');
  });

  it('takes none while the ledger is in trouble or far behind', () => {
    const { intake } = new Bench();
    expect(intake.check(pipeline(false), 0)).toBe('ledger_unavailable');
    expect(intake.check(pipeline(true, 64), 0)).toBeUndefined();
    expect(intake.check(pipeline(true, 65), 0)).toBe('ledger_unavailable');
  });

  it('stops above 80 % of the ledger and goes on below', async () => {
    const bench = new Bench();
    await bench.fill(80);
    expect(bench.answer).toBeUndefined();
    await bench.fill(81);
    expect(bench.answer).toBe('ledger_full');
    await bench.fill(79);
    expect(bench.answer).toBeUndefined();
  });

  it('stays with its last answer when the next does not come, and asks again', async () => {
    const bench = new Bench();
    await bench.fill(90);
    bench.usage = () => Promise.reject(new Error('away'));
    bench.intake.refreshUsage(pipeline());
    await settled();
    expect(bench.answer).toBe('ledger_full');
    await bench.fill(10);
    expect(bench.answer).toBeUndefined();
  });

  it('asks one question at a time', async () => {
    const bench = new Bench();
    let answer: (usage: Usage) => void = () => undefined;
    bench.usage = () => new Promise((resolve) => (answer = resolve));
    bench.intake.refreshUsage(pipeline());
    bench.intake.refreshUsage(pipeline());
    expect(bench.asked).toBe(1);
    answer({ bytes: 1, maxBytes: 100 });
    await settled();
    bench.intake.refreshUsage(pipeline());
    expect(bench.asked).toBe(2);
  });

  it('answers with the stored job', () => {
    const bench = new Bench();
    const replies: SubmitReply[] = [];
    let stored: (job: JobSnapshot) => void = () => undefined;
    const settle = (reply: SubmitReply): void => void replies.push(reply);
    bench.intake.wait(ID, settle, (hear) => (stored = hear));
    stored(JOB);
    bench.pass(ACCEPT_WAIT_MS);
    expect(replies).toEqual([{ kind: 'accepted', job: JOB }]);
  });

  it('answers that it does not know after the wait, and does not change its mind', () => {
    const bench = new Bench();
    const replies: SubmitReply[] = [];
    const settle = (reply: SubmitReply): void => void replies.push(reply);
    const hears: ((job: JobSnapshot) => void)[] = [];
    bench.intake.wait(ID, settle, (hear) => hears.push(hear));
    bench.pass(ACCEPT_WAIT_MS / 2);
    bench.intake.wait(ID, settle, (hear) => hears.push(hear));
    bench.pass(ACCEPT_WAIT_MS / 2);
    expect(replies).toEqual([{ kind: 'unknown', id: ID }]);
    for (const hear of hears) hear(JOB);
    expect(replies).toEqual([
      { kind: 'unknown', id: ID },
      { kind: 'accepted', job: JOB },
    ]);
  });

  it('counts what was staged since it asked how full the ledger is', async () => {
    const bench = new Bench();
    await bench.fill(70);
    expect(bench.intake.check(pipeline(true, 0, 10), 0)).toBeUndefined();
    expect(bench.intake.check(pipeline(true, 0, 11), 0)).toBe('ledger_full');
  });

  it('closed, sends everybody to another leader', () => {
    const bench = new Bench();
    bench.intake.close();
    expect(bench.intake.check(pipeline(false), 0)).toBe('no_leader');
  });
});
