/**
 * The attempts that this worker holds: takes runs, answers stops and spool readers, repeats `done` until confirmed.
 *
 * H1  A run is idempotent by (job, attempt): what is held is held; what was here and ended is not begun again, and what was
 *     refused stays refused, since the leader may have given it to another by the time that it comes once more.
 * H2  An attempt is held until the leader confirmed its end or told to forget it; it is in every Ready till then.
 * H3  Room is taken at once and given back when the attempt has ended, before `done` is sent.
 * H4  A message of a lower epoch than the highest seen changes nothing.
 */
import {
  addRoom,
  fits,
  NO_ROOM,
  subtractRoom,
  type BootId,
  type Epoch,
  type ExecutionMode,
  type JobId,
  type Room,
  type WorkerId,
} from '@zerofleet/model';
import {
  MESSAGES_VERSION,
  type AttemptEnd,
  type AttemptRef,
  type Ended,
  type Run,
  type RunJob,
  type RunReply,
  type SpoolReply,
  type SpoolRequest,
  type Stop,
  type StopReply,
} from '@zerofleet/protocol';
import { pause } from '@zerofleet/runtime';
import { Attempt, type AttemptTools } from './attempt.js';

/** Ended and refused attempts that are remembered, so that a late run does not begin one again. */
const PAST_MAX = 20_000;
/** How long the output of a confirmed attempt can still be read here, in ms. */
const SPOOL_KEEP_MS = 5_000;
const REPEAT_FIRST_MS = 100;
const REPEAT_MAX_MS = 2_000;
/** The kill ladder and one `done`, in ms. */
const KILL_WITHIN_MS = 4_000;

export interface AttemptsOptions extends Omit<AttemptTools, 'publish'> {
  readonly worker: WorkerId;
  readonly boot: BootId;
  readonly room: Room;
  /** What this worker runs; a job of another mode is refused. */
  readonly mode: ExecutionMode;
  readonly publish: (job: JobId, attempt: number, chunks: Parameters<AttemptTools['publish']>[0]) => void;
  /** Tells the leader of an end; `epoch` is the highest that was seen here. Rejects when no answer came. */
  readonly tellEnd: (epoch: Epoch, ended: Ended) => Promise<'confirmed' | 'retry'>;
  readonly onChange: () => void;
}

interface Held {
  readonly attempt: Attempt;
  ended: boolean;
  forgotten: boolean;
}

const keyOf = ({ id, attempt }: AttemptRef): string => `${id}/${attempt}`;

export class Attempts {
  private readonly options: AttemptsOptions;
  private readonly held = new Map<string, Held>();
  /** Confirmed attempts whose output can still be read. */
  private readonly lingering = new Map<string, Held>();
  private readonly past = new Set<string>();
  private epoch: Epoch = 0;
  private used: Room = NO_ROOM;
  private draining = false;
  private emptyWaiters: (() => void)[] = [];

  constructor(options: AttemptsOptions) {
    this.options = options;
  }

  get free(): Room {
    return subtractRoom(this.options.room, this.used);
  }

  get isDraining(): boolean {
    return this.draining;
  }

  list(): AttemptRef[] {
    return [...this.held.values()].map(({ attempt: { job } }) => ({ id: job.id, attempt: job.attempt }));
  }

  /** Notes an epoch that a leader named; false when it is an old one (H4). */
  heed(epoch: Epoch): boolean {
    if (epoch < this.epoch) return false;
    this.epoch = epoch;
    return true;
  }

  run(message: Run): RunReply {
    if (message.boot !== this.options.boot) return { v: MESSAGES_VERSION, kind: 'wrong_boot' };
    if (!this.heed(message.epoch)) return { v: MESSAGES_VERSION, kind: 'old_epoch' };
    const refused = message.jobs.filter((job) => !this.take(job)).map(({ id, attempt }) => ({ id, attempt }));
    for (const ref of refused) this.remember(keyOf(ref));
    return { v: MESSAGES_VERSION, kind: 'taken', refused };
  }

  stop(message: Stop): StopReply {
    const held = this.held.get(keyOf(message));
    if (!this.heed(message.epoch) || held === undefined) return { v: MESSAGES_VERSION, known: false };
    if (message.why === 'forget') {
      held.forgotten = true;
      held.attempt.stop('kill');
      if (held.ended) this.drop(keyOf(message));
    } else {
      held.attempt.stop('cancel');
    }
    return { v: MESSAGES_VERSION, known: true };
  }

  spool({ id, attempt, offset }: SpoolRequest): SpoolReply {
    const held = this.held.get(keyOf({ id, attempt })) ?? this.lingering.get(keyOf({ id, attempt }));
    if (held === undefined) return { v: MESSAGES_VERSION, known: false, chunks: [], more: false };
    const { chunks, more } = held.attempt.spool.read(offset);
    return { v: MESSAGES_VERSION, known: true, chunks: [...chunks], more };
  }

  /** Takes no more; hands back what has not run, and resolves once nothing is held or `graceMs` are over. */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    for (const { attempt } of this.held.values()) attempt.stop('drain');
    await this.empty(graceMs);
    for (const { attempt } of this.held.values()) attempt.stop('kill');
    await this.empty(KILL_WITHIN_MS);
  }

  /** Whether the job is here now. */
  private take(job: RunJob): boolean {
    const key = keyOf(job);
    if (this.held.has(key)) return true;
    if (job.form.mode !== this.options.mode || this.draining || this.past.has(key)) return false;
    if (!fits(job.form.pool.resources, this.free)) return false;
    this.used = addRoom(this.used, job.form.pool.resources);
    const { publish } = this.options;
    const attempt = new Attempt(job, {
      ...this.options,
      publish: (chunks) => publish(job.id, job.attempt, chunks),
    });
    const held: Held = { attempt, ended: false, forgotten: false };
    this.held.set(key, held);
    void this.carry(key, held);
    this.options.onChange();
    return true;
  }

  private async carry(key: string, held: Held): Promise<void> {
    const { job } = held.attempt;
    const end = await held.attempt.run();
    held.ended = true;
    this.used = subtractRoom(this.used, job.form.pool.resources);
    if (!held.forgotten) await this.report(held, end);
    held.attempt.told();
    this.drop(key);
  }

  /** Repeats `done` until a leader confirms it or tells to forget it (H2). */
  private async report(held: Held, end: AttemptEnd): Promise<void> {
    const { clock, tellEnd } = this.options;
    const { id, attempt } = held.attempt.job;
    for (let waitMs = REPEAT_FIRST_MS; !held.forgotten; waitMs = Math.min(waitMs * 2, REPEAT_MAX_MS)) {
      const reply = await tellEnd(this.epoch, { id, attempt, end }).catch(() => 'retry');
      if (reply === 'confirmed') return;
      await pause(clock, waitMs);
    }
  }

  private drop(key: string): void {
    const held = this.held.get(key);
    if (held === undefined) return;
    this.held.delete(key);
    this.remember(key);
    this.lingering.set(key, held);
    this.options.clock.after(SPOOL_KEEP_MS, () => this.lingering.delete(key));
    if (this.held.size === 0) for (const wake of this.emptyWaiters.splice(0)) wake();
    this.options.onChange();
  }

  private remember(key: string): void {
    this.past.add(key);
    const [oldest] = this.past;
    if (this.past.size > PAST_MAX && oldest !== undefined) this.past.delete(oldest);
  }

  private async empty(withinMs: number): Promise<void> {
    if (this.held.size === 0) return;
    const empty = new Promise<void>((resolve) => this.emptyWaiters.push(resolve));
    await Promise.race([empty, pause(this.options.clock, withinMs)]);
  }
}
