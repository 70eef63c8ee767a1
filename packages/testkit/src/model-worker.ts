/**
 * A worker as the engine meets it: takes attempts, runs them for a while, repeats `done` until confirmed. It may be
 * killed (a new boot follows), stalled, or refuse for want of room.
 */
import type { Attempt, BootId, JobId, Room, WorkerId } from '@zerofleet/model';
import {
  MESSAGES_VERSION,
  type Done,
  type DoneReply,
  type Ready,
  type Run,
  type RunJob,
  type RunReply,
  type Stop,
  type StopReply,
} from '@zerofleet/protocol';
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

export class ModelWorker {
  readonly worker: WorkerId;
  private readonly virtual: VirtualClock;
  private readonly prng: Prng;
  private readonly line: LeaderLine;
  private readonly room: Room;
  private readonly onExecution: (execution: Execution) => void;
  private readonly held = new Map<string, Held>();
  private readonly forgotten = new Set<string>();
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
    readonly onExecution: (execution: Execution) => void;
  }) {
    this.worker = options.worker;
    this.virtual = options.clock;
    this.prng = options.prng;
    this.line = options.line;
    this.room = options.room;
    this.onExecution = options.onExecution;
    this.clock = new ProcessClock(this.virtual);
    this.boot = this.prng.uuid() as BootId;
    this.beat(this.clock);
  }

  /** Dies with all it held, and is back under a new boot id at once. */
  restart(): void {
    this.clock.kill();
    this.held.clear();
    this.forgotten.clear();
    this.clock = new ProcessClock(this.virtual);
    this.boot = this.prng.uuid() as BootId;
    this.epochSeen = 0;
    this.seq = 0;
    this.beat(this.clock);
  }

  roster(): void {
    this.say();
  }

  run(message: Run): RunReply {
    if (message.boot !== this.boot) return { v: MESSAGES_VERSION, kind: 'wrong_boot' };
    if (message.epoch < this.epochSeen) return { v: MESSAGES_VERSION, kind: 'old_epoch' };
    this.epochSeen = message.epoch;
    const refused = message.jobs.filter((job) => !this.take(job)).map(({ id, attempt }) => ({ id, attempt }));
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

  /** Attempts that this worker holds. */
  get load(): number {
    return this.held.size;
  }

  private take(job: RunJob): boolean {
    const key = `${job.id}/${job.attempt}`;
    if (this.held.has(key)) return true;
    const running = [...this.held.values()].filter((one) => one.phase !== 'ended').length;
    if (this.forgotten.has(key) || running >= Math.floor(this.room.cpuMilli / job.pool.resources.cpuMilli))
      return false;
    const held: Held = { job, phase: 'running' };
    this.held.set(key, held);
    this.onExecution({ id: job.id, attempt: job.attempt, worker: this.worker, boot: this.boot });
    this.clock.after(this.prng.between(1, 2_000), () => void this.end(key, held));
    return true;
  }

  private async end(key: string, held: Held): Promise<void> {
    if (this.held.get(key) !== held) return;
    const report = { value: null, exitCode: 0, usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 }, output: EMPTY };
    const outcome =
      held.phase === 'cancelling'
        ? ({ kind: 'cancelled', report } as const)
        : ({ kind: 'succeeded', report } as const);
    held.phase = 'ended';
    const { id, attempt } = held.job;
    const { boot, clock } = this;
    while (this.held.get(key) === held && clock.alive) {
      const message: Done = {
        v: MESSAGES_VERSION,
        epoch: this.epochSeen,
        worker: this.worker,
        boot,
        id,
        attempt,
        end: { kind: 'outcome', outcome },
      };
      const reply = await this.line.done(message);
      if (this.held.get(key) !== held) return;
      if (reply?.kind === 'confirmed') this.forget(key);
      else await new Promise<void>((resolve) => clock.after(DONE_REPEAT_MS, resolve));
    }
  }

  private forget(key: string): void {
    this.held.delete(key);
    this.forgotten.add(key);
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

const EMPTY = { kind: 'inline', bytes: 0, truncated: false, chunks: [] } as const;
