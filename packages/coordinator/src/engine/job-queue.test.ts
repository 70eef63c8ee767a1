import {
  firstState,
  transitionJob,
  type BootId,
  type JobExtras,
  type JobId,
  type JobState,
  type JobTemplate,
  type StoredJob,
  type TenantId,
  type ToolDefinition,
  type ToolName,
  type WorkerId,
} from '@zerofleet/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { JobQueue, ranMs } from './job-queue.js';
import { JobRecord } from './job-record.js';

const WORKER = 'w1' as WorkerId;
const BOOT = '11111111-1111-4111-8111-111111111111' as BootId;
const ROOM = { cpuMilli: 1_000, memoryMiB: 256 };
const ECHO = {
  name: 'echo' as ToolName,
  pool: { image: 'tools', runtime: 'runc', resources: { ...ROOM, pids: 1, workMiB: 1, tmpMiB: 1 } },
  limits: { timeoutMsDefault: 1, timeoutMsMax: 1, outputBytes: 1 },
} as Partial<ToolDefinition> as ToolDefinition;

/** A queue with one worker of a few slots, driven as the engine drives it. */
class Bench {
  readonly queue = new JobQueue(new Map([[ECHO.name, ECHO]]));
  nowMs = 1_000;
  private made = 0;

  private readonly slots: number;

  constructor(slots = 2) {
    this.slots = slots;
    this.free();
  }

  add(tenant: string, extras: JobExtras | null = null, tool = 'echo'): JobRecord {
    this.made += 1;
    const template: JobTemplate = {
      tenant: tenant as TenantId,
      tool: tool as ToolName,
      toolVersion: 1,
      class: 'normal',
      decision: {
        release: 'test',
        adapter: 'native',
        mode: 'warm',
        revision: 0,
        reason: 'test',
      },
    };
    const stored: StoredJob = {
      id: `0192f3a0-0000-7000-8000-${String(this.made).padStart(12, '0')}` as JobId,
      template,
      timeoutMs: 1_000,
      maxAttempts: 3,
      acceptedAtMs: this.nowMs,
      extras,
      payload: { kind: 'inline', bytes: 0, payload: { arguments: {}, files: [] } },
    };
    const record = new JobRecord(
      stored,
      template,
      1,
      firstState(extras),
      this.queue.needOf(template, extras),
    );
    this.queue.changed(record, null, this.nowMs, false, null);
    return record;
  }

  /** The next job, started as the fold would have it; undefined when none may start. */
  start(): JobRecord | undefined {
    const turn = this.queue.ready.next(this.nowMs);
    if (turn.kind !== 'run') return undefined;
    this.begin(turn.job);
    return turn.job;
  }

  begin(record: JobRecord): void {
    const attempt = record.state.kind === 'queued' ? record.state.attemptsStarted + 1 : 1;
    const assignment = { attempt, epoch: 1, worker: WORKER, boot: BOOT };
    this.step(record, transitionJob(record.state, { kind: 'started', assignment, atMs: this.nowMs }));
  }

  finish(record: JobRecord): void {
    const outcome = { kind: 'expired', report: null } as const;
    const attempt = record.state.kind === 'running' ? record.state.assignment.attempt : 0;
    this.step(record, transitionJob(record.state, { kind: 'finished', attempt, outcome, atMs: this.nowMs }));
    this.free();
  }

  requeue(record: JobRecord, reason: 'retry' | 'handed_back', dueAtMs: number | null = null): void {
    const event = { kind: 'requeued', attempt: 1, reason, dueAtMs } as const;
    this.step(record, transitionJob(record.state, event), reason !== 'retry');
    this.free();
  }

  private step(record: JobRecord, after: JobState, first = false): void {
    const before = record.state;
    record.state = after;
    this.queue.changed(record, before, this.nowMs, first, ranMs(before, record.state, this.nowMs));
  }

  /** The worker as the engine counts it: what runs takes a slot each. */
  private free(): void {
    const of = (slots: number) => ({ cpuMilli: slots * ROOM.cpuMilli, memoryMiB: slots * ROOM.memoryMiB });
    const [room, free] = [of(this.slots), of(this.slots - this.queue.running.size)];
    this.queue.ready.setHost({ worker: WORKER, mode: 'warm', room, free, warm: new Map() });
  }
}

describe('JobQueue', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('starts a tenant that comes late before the rest of another tenant’s flood', () => {
    for (let n = 0; n < 100; n += 1) bench.add('flood');
    const running = [bench.start(), bench.start()];
    expect(bench.start()).toBeUndefined();
    const late = bench.add('late');
    bench.nowMs += 500;
    if (running[0] !== undefined) bench.finish(running[0]);
    expect(bench.start()).toBe(late);
  });

  it('shares runtime and not turns: jobs of ten times the length start a tenth as often', () => {
    // With more than one slot the long ones would be held back by being at work alone.
    bench = new Bench(1);
    for (let n = 0; n < 400; n += 1) for (const tenant of ['short', 'long']) bench.add(tenant);
    const ends: { readonly record: JobRecord; readonly atMs: number }[] = [];
    const started = { short: 0, long: 0 };
    for (let n = 0; n < 330; n += 1) {
      for (let record = bench.start(); record !== undefined; record = bench.start()) {
        const tenant = record.template.tenant as 'short' | 'long';
        started[tenant] += 1;
        ends.push({ record, atMs: bench.nowMs + (tenant === 'long' ? 1_000 : 100) });
      }
      ends.sort((a, b) => a.atMs - b.atMs);
      const next = ends.shift();
      if (next === undefined) break;
      bench.nowMs = next.atMs;
      bench.finish(next.record);
    }
    expect(started.short / started.long).toBeGreaterThan(8);
    expect(started.short / started.long).toBeLessThan(12);
  });

  it('puts a job that was handed back in front, and one that is tried again where its time comes', () => {
    const [first, second, third] = [bench.add('t'), bench.add('t'), bench.add('t')];
    expect([bench.start(), bench.start()]).toEqual([first, second]);
    bench.requeue(first, 'retry', bench.nowMs + 1_000);
    bench.requeue(second, 'handed_back');
    expect([bench.start(), bench.start(), bench.start()]).toEqual([second, third, undefined]);
    expect(bench.queue.nextAtMs).toBe(bench.nowMs + 1_000);
    bench.finish(third);
    bench.queue.due(bench.nowMs + 999);
    expect(bench.start()).toBeUndefined();
    bench.queue.due(bench.nowMs + 1_000);
    expect(bench.start()).toBe(first);
  });

  it('runs a session’s jobs one at a time, in order, also over a retry', () => {
    const [one, two, three] = ['a', 'a', 'b'].map((session) => bench.add('t', { session }));
    expect([bench.start(), bench.start()]).toEqual([one, three]);
    if (one === undefined || two === undefined || three === undefined) throw new Error('three jobs');
    bench.finish(three);
    expect(bench.start()).toBeUndefined();
    bench.requeue(one, 'retry', bench.nowMs + 10);
    expect(bench.start()).toBeUndefined();
    bench.queue.due(bench.nowMs + 10);
    expect(bench.start()).toBe(one);
    bench.finish(one);
    expect(bench.start()).toBe(two);
  });

  it('counts what another leader started: a standby’s queue goes on where it stood', () => {
    const [first, second] = [bench.add('t'), bench.add('t')];
    bench.begin(first);
    expect(bench.queue.running).toEqual(new Set([first]));
    expect(bench.start()).toBe(second);
    bench.finish(first);
    expect(bench.queue.running).toEqual(new Set([second]));
  });

  it('takes out what ended while it waited, and tells what expired', () => {
    const gone = bench.add('t');
    const late = bench.add('t', { deadlineAtMs: bench.nowMs + 50 });
    bench.finish(gone);
    expect(bench.queue.nextAtMs).toBe(bench.nowMs + 50);
    expect(bench.queue.expired(bench.nowMs + 49)).toEqual([]);
    expect(bench.queue.expired(bench.nowMs + 50)).toEqual([late]);
    bench.finish(late);
    expect(bench.start()).toBeUndefined();
    expect(bench.queue.ready.size).toBe(0);
  });

  it('never starts a job of a tool that is not defined', () => {
    const strange = bench.add('t', null, 'strange');
    expect(bench.start()).toBeUndefined();
    expect(bench.queue.undefinedTools).toEqual(new Set([strange]));
    bench.finish(strange);
    expect(bench.queue.undefinedTools.size).toBe(0);
  });
});
