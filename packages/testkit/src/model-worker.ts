/**
 * A worker as the engine meets it: takes attempts, runs them for a while, repeats `done` until confirmed. Its tools succeed,
 * fail or run out of time; it may hand an attempt back unrun, lose one with its container engine, fail to get its payload,
 * refuse one for want of room, be killed (a new boot follows) or stalled.
 */
import type {
  Attempt,
  AttemptReport,
  BootId,
  JobId,
  Outcome,
  PayloadRef,
  Room,
  WorkerId,
} from '@zerofleet/model';
import {
  MESSAGES_VERSION,
  type AttemptEnd,
  type Done,
  type DoneReply,
  type Ready,
  type Run,
  type RunJob,
  type RunReply,
  type Stop,
  type StopReply,
} from '@zerofleet/protocol';
import { pause, type BlobStore } from '@zerofleet/runtime';
import type { Prng } from './prng.js';
import { ProcessClock, type VirtualClock } from './virtual-clock.js';

/** Where a worker's messages go. */
export interface LeaderLine {
  ready(message: Ready): void;
  /** Resolves with the leader's reply, or undefined when none came in time. */
  done(message: Done): Promise<DoneReply | undefined>;
}

interface Held {
  readonly job: RunJob;
  /** What it will come to unless it is cancelled. */
  end: AttemptEnd;
  phase: 'running' | 'cancelling' | 'ended';
}

/** An attempt that really began to run at a worker. */
export interface Execution {
  readonly id: JobId;
  readonly attempt: Attempt;
  readonly worker: WorkerId;
  readonly boot: BootId;
}

const READY_EVERY_MS = 1_000;
const DONE_REPEAT_MS = 300;
/** Ends within this, at most, go out together, in ms. */
const COALESCE_MS = 40;
/** Tries to get a payload, and the pause between two, in ms. */
const LOAD_TRIES = 3;
const LOAD_PAUSE_MS = 200;

export class ModelWorker {
  readonly worker: WorkerId;
  private readonly virtual: VirtualClock;
  private readonly prng: Prng;
  private readonly line: LeaderLine;
  private readonly room: Room;
  private readonly blobs: (process: ProcessClock) => BlobStore;
  private readonly onExecution: (execution: Execution) => void;
  private readonly held = new Map<string, Held>();
  private readonly forgotten = new Set<string>();
  /** Ended, and not told since. */
  private unreported: string[] = [];
  clock: ProcessClock;
  boot: BootId;
  private epochSeen = 0;
  private seq = 0;

  constructor(options: {
    readonly worker: WorkerId;
    readonly clock: VirtualClock;
    readonly prng: Prng;
    readonly line: LeaderLine;
    readonly room: Room;
    /** The blob store as a process of this worker reaches it. */
    readonly blobs: (process: ProcessClock) => BlobStore;
    readonly onExecution: (execution: Execution) => void;
  }) {
    this.worker = options.worker;
    this.virtual = options.clock;
    this.prng = options.prng;
    this.line = options.line;
    this.room = options.room;
    this.blobs = options.blobs;
    this.onExecution = options.onExecution;
    this.clock = new ProcessClock(this.virtual);
    this.boot = this.prng.uuid() as BootId;
    this.begin();
  }

  /** Dies with all it held, and is back under a new boot id at once. */
  restart(): void {
    this.clock.kill();
    this.held.clear();
    this.forgotten.clear();
    this.unreported = [];
    this.clock = new ProcessClock(this.virtual);
    this.boot = this.prng.uuid() as BootId;
    this.epochSeen = 0;
    this.seq = 0;
    this.begin();
  }

  roster(): void {
    this.say();
  }

  run(message: Run): RunReply {
    if (message.boot !== this.boot) return { v: MESSAGES_VERSION, kind: 'wrong_boot' };
    if (message.epoch < this.epochSeen) return { v: MESSAGES_VERSION, kind: 'old_epoch' };
    this.epochSeen = message.epoch;
    const refused = message.jobs.filter((job) => !this.take(job)).map(({ id, attempt }) => ({ id, attempt }));
    for (const { id, attempt } of refused) this.forgotten.add(`${id}/${attempt}`);
    return { v: MESSAGES_VERSION, kind: 'taken', refused };
  }

  stop(message: Stop): StopReply {
    const key = `${message.id}/${message.attempt}`;
    const held = this.held.get(key);
    if (message.epoch < this.epochSeen || held === undefined) return { v: MESSAGES_VERSION, known: false };
    if (message.why === 'forget') this.forget(key);
    else if (held.phase === 'running') held.phase = 'cancelling';
    return { v: MESSAGES_VERSION, known: true };
  }

  /** Whether this worker holds the attempt: it runs, or has ended and is not confirmed. */
  holds(id: JobId, attempt: Attempt): boolean {
    return this.held.has(`${id}/${attempt}`);
  }

  /** Attempts that this worker holds. */
  get load(): number {
    return this.held.size;
  }

  private take(job: RunJob): boolean {
    const key = `${job.id}/${job.attempt}`;
    if (this.held.has(key)) return true;
    const running = [...this.held.values()].filter((one) => one.phase !== 'ended').length;
    if (
      this.forgotten.has(key) ||
      running >= Math.floor(this.room.cpuMilli / job.form.pool.resources.cpuMilli)
    )
      return false;
    const held: Held = { job, end: this.drawEnd(), phase: 'running' };
    this.held.set(key, held);
    if (held.end.kind === 'handed_back' || job.payload.kind === 'inline') this.execute(key, held);
    else void this.fetch(job.payload).then((loaded) => this.execute(key, held, loaded));
    return true;
  }

  /** Runs for a while, unless it was stopped, or nothing came to be run. */
  private execute(key: string, held: Held, loaded = true): void {
    if (this.held.get(key) !== held) return;
    const { id, attempt } = held.job;
    if (!loaded) held.end = { kind: 'outcome', outcome: failed('start_failed') };
    else if (held.end.kind !== 'handed_back' && held.phase === 'running')
      this.onExecution({ id, attempt, worker: this.worker, boot: this.boot });
    this.clock.after(this.prng.between(1, 2_000), () => this.end(key, held));
  }

  private async fetch(payload: Extract<PayloadRef, { kind: 'blob' }>): Promise<boolean> {
    const { clock } = this;
    for (let tries = 1; tries <= LOAD_TRIES; tries += 1) {
      const bytes = await this.blobs(clock)
        .get(payload.blob)
        .catch(() => undefined);
      if (bytes !== undefined) return true;
      await pause(clock, LOAD_PAUSE_MS);
    }
    return false;
  }

  private drawEnd(): AttemptEnd {
    const n = this.prng.between(1, 100);
    if (n > 30) return { kind: 'outcome', outcome: { kind: 'succeeded', report: REPORT } };
    if (n > 15) return { kind: 'outcome', outcome: failed('tool_error') };
    if (n > 12) return { kind: 'outcome', outcome: failed('protocol') };
    if (n > 6) return { kind: 'outcome', outcome: { kind: 'timed_out', report: REPORT } };
    return n > 3 ? { kind: 'handed_back', reason: 'draining' } : { kind: 'lost', reason: 'engine' };
  }

  private end(key: string, held: Held): void {
    if (this.held.get(key) !== held) return;
    if (held.phase === 'cancelling')
      held.end = { kind: 'outcome', outcome: { kind: 'cancelled', report: REPORT } };
    held.phase = 'ended';
    this.report([key]);
  }

  /** Tells of ends, together with what else ends within a moment. */
  private report(keys: readonly string[]): void {
    this.unreported.push(...keys);
    if (this.unreported.length > keys.length) return;
    const { clock } = this;
    clock.after(this.prng.between(0, COALESCE_MS), () => {
      if (clock === this.clock) void this.tell();
    });
  }

  private async tell(): Promise<void> {
    const { boot, clock, worker } = this;
    const keys = this.unreported.filter((key) => this.held.has(key));
    this.unreported = [];
    if (keys.length === 0) return;
    const ends = keys.flatMap((key) => {
      const held = this.held.get(key);
      return held === undefined ? [] : [{ id: held.job.id, attempt: held.job.attempt, end: held.end }];
    });
    const reply = await this.line.done({ epoch: this.epochSeen, worker, boot, ends });
    if (clock !== this.clock) return;
    const retry = keys.filter((key, place) => (reply?.retry.includes(place) ?? true) && this.held.has(key));
    for (const key of keys) if (!retry.includes(key)) this.forget(key);
    if (retry.length > 0) clock.after(DONE_REPEAT_MS, () => this.report(retry));
  }

  private forget(key: string): void {
    this.held.delete(key);
    this.forgotten.add(key);
  }

  private begin(): void {
    const { clock } = this;
    clock.after(0, () => this.beat(clock));
  }

  private beat(clock: ProcessClock): void {
    if (clock !== this.clock) return;
    this.say();
    clock.after(READY_EVERY_MS, () => this.beat(clock));
  }

  private say(): void {
    this.seq += 1;
    const attempts = [...this.held.values()].map(({ job }) => ({ id: job.id, attempt: job.attempt }));
    this.line.ready({
      v: MESSAGES_VERSION,
      worker: this.worker,
      boot: this.boot,
      mode: 'warm',
      seq: this.seq,
      room: this.room,
      free: this.room,
      draining: false,
      attempts,
      pools: [],
    });
  }
}

const REPORT: AttemptReport = {
  value: null,
  exitCode: 0,
  usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 },
  output: { kind: 'inline', bytes: 0, truncated: false, chunks: [] },
};
const failed = (code: 'tool_error' | 'protocol' | 'start_failed'): Outcome => ({
  kind: 'failed',
  failure: { code, message: 'it said no' },
  report: REPORT,
});
