/**
 * A worker that speaks the whole protocol and runs nothing: what is measured or tried against it is the rest of the
 * fleet. It keeps the laws of the real one.
 *
 * N1  A run is idempotent by (job, attempt): what is held is held, and what was here and ended, or was refused, is not begun.
 * N2  An attempt is held, and in every Ready, until a leader confirmed its end or told to forget it; `done` is repeated
 *     till then.
 * N3  A message of a lower epoch than the highest seen changes nothing.
 * N4  Memory is bounded: what would be too much to hold is refused, and ended attempts are forgotten in the end.
 * N5  A job without a delay costs no timer, and its `done` neither: one sweep repeats all that are due.
 * N6  What ends in one turn goes out in one message, where the leader reads such messages.
 */
import {
  addRoom,
  fits,
  NO_ROOM,
  RUN_BATCH_MAX,
  subtractRoom,
  type BootId,
  type Epoch,
  type JsonValue,
  type Outcome,
  type Room,
  type WorkerId,
} from '@zerofleet/model';
import {
  encodeDone,
  encodeJson,
  formFor,
  MESSAGES_VERSION,
  parseDoneReply,
  parseRosterCall,
  parseRun,
  parseStop,
  WIRE_FORM,
  type AttemptRef,
  type Ready,
  type Run,
  type RunJob,
  type RunReply,
  type ShardNames,
  type Stop,
  type StopReply,
  type WireForm,
} from '@zerofleet/protocol';
import { every, type Cancel, type Clock, type NatsLink, type Service } from '@zerofleet/runtime';

const READY_EVERY_MS = 1_000;
/** Changes within this go out as one Ready, in ms. */
const COALESCE_MS = 50;
const SWEEP_EVERY_MS = 50;
/** A `done` is repeated this long after a reply that said `retry`, or when none came, in ms. */
const REPEAT_MS = { retry: 100, silence: 2_000 } as const;
/** Ended attempts that are remembered at least, so that a late run does not begin one again. */
const PAST_MIN = 100_000;
/** What a slot is: the room that a job of the echo tool needs. */
const SLOT: Room = { cpuMilli: 1_000, memoryMiB: 256 };
const NO_OUTPUT = { kind: 'inline', bytes: 0, truncated: false, chunks: [] } as const;

export interface NoopWorkerOptions {
  readonly link: NatsLink;
  readonly names: ShardNames;
  readonly worker: WorkerId;
  readonly boot: BootId;
  /** Jobs of the echo tool that it has room for. */
  readonly slots: number;
  readonly clock: Clock;
  /** Hears of attempts just before they begin. */
  readonly onBegin?: (jobs: readonly RunJob[]) => void;
}

interface Held {
  readonly job: RunJob;
  readonly key: string;
  /** What it came to; null while it runs. */
  outcome: Outcome | null;
  /** Ends the delay of a running one. */
  cancelDelay: Cancel;
  /** When `done` is said again, on the worker's clock, in ms. */
  dueMs: number;
}

const keyOf = ({ id, attempt }: AttemptRef): string => `${id}/${attempt}`;

export class NoopWorker implements Service {
  private readonly options: NoopWorkerOptions;
  private readonly room: Room;
  private readonly inbox: string;
  private readonly held = new Map<string, Held>();
  /** Ended and not confirmed, by the last token of the subject that the reply comes to. */
  private readonly reporting = new Map<string, readonly Held[]>();
  /** Ended and to be told at the end of this turn. */
  private ended: Held[] = [];
  /** What the leader that spoke last reads. */
  private form: WireForm = formFor(undefined);
  private past = new Set<string>();
  private older = new Set<string>();
  private used: Room = NO_ROOM;
  private epoch: Epoch = 0;
  private seq = 0;
  private tokens = 0;
  private pending: Cancel | undefined;
  private readonly cancels: Cancel[] = [];

  constructor(options: NoopWorkerOptions) {
    this.options = options;
    this.room = { cpuMilli: SLOT.cpuMilli * options.slots, memoryMiB: SLOT.memoryMiB * options.slots };
    this.inbox = `_INBOX.noop.${options.boot}`;
  }

  /** Attempts that it holds. */
  get load(): number {
    return this.held.size;
  }

  start(): Promise<void> {
    const { names, worker, clock } = this.options;
    this.listen(names.run(worker), (data, respond) => {
      const message = parseRun(data);
      if (!message.ok) return;
      this.form = message.value.form;
      this.run(message.value.run, respond);
    });
    this.listen(names.stop(worker), (data, respond) => {
      const message = parseStop(data);
      if (message.ok) respond(encodeJson(this.halt(message.value)));
    });
    this.listen(names.roster, (data) => {
      const call = parseRosterCall(data);
      if (!call.ok) return;
      this.form = formFor(call.value.reads);
      if (call.value.epoch > this.epoch) this.again();
      if (this.heed(call.value.epoch)) this.say();
    });
    this.listen(`${this.inbox}.*`, (data, _respond, subject) => this.heard(subject, data));
    this.cancels.push(every(clock, READY_EVERY_MS, () => this.say()));
    this.cancels.push(every(clock, SWEEP_EVERY_MS, () => this.sweep()));
    this.say();
    return Promise.resolve();
  }

  /** Falls silent at once, as a lost worker does. */
  stop(): Promise<void> {
    this.pending?.();
    for (const cancel of this.cancels.splice(0)) cancel();
    for (const held of this.held.values()) held.cancelDelay();
    return Promise.resolve();
  }

  private run(message: Run, respond: (reply: Uint8Array) => void): void {
    const { boot, onBegin } = this.options;
    const answer = (reply: RunReply): void => respond(encodeJson(reply));
    if (message.boot !== boot) return answer({ v: MESSAGES_VERSION, kind: 'wrong_boot' });
    if (!this.heed(message.epoch)) return answer({ v: MESSAGES_VERSION, kind: 'old_epoch' });
    const fresh: Held[] = [];
    const refused: AttemptRef[] = [];
    for (const job of message.jobs) {
      const key = keyOf(job);
      if (this.held.has(key)) continue;
      if (this.takes(job, key)) fresh.push(this.hold(job, key));
      else {
        refused.push({ id: job.id, attempt: job.attempt });
        this.remember(key);
      }
    }
    if (fresh.length > 0) onBegin?.(fresh.map(({ job }) => job));
    answer({ v: MESSAGES_VERSION, kind: 'taken', refused });
    for (const held of fresh) this.begin(held);
    // It has no pools to tell of, and who holds what the leader knows: only what the leader has wrong is worth a word.
    if (refused.length > 0) this.changed();
  }

  private takes(job: RunJob, key: string): boolean {
    if (this.past.has(key) || this.older.has(key)) return false;
    return this.held.size < 2 * this.options.slots && fits(job.form.pool.resources, this.free);
  }

  private hold(job: RunJob, key: string): Held {
    const held: Held = { job, key, outcome: null, cancelDelay: () => undefined, dueMs: 0 };
    this.used = addRoom(this.used, job.form.pool.resources);
    this.held.set(key, held);
    return held;
  }

  private begin(held: Held): void {
    const delayMs = argumentOf(held.job, 'delayMs');
    const end = (): void => this.end(held, outcomeOf(held.job, 'succeeded'));
    if (typeof delayMs === 'number' && delayMs > 0)
      held.cancelDelay = this.options.clock.after(delayMs, () => {
        end();
        this.changed();
      });
    else end();
  }

  private end(held: Held, outcome: Outcome): void {
    if (held.outcome !== null || this.held.get(held.key) !== held) return;
    held.cancelDelay();
    held.outcome = outcome;
    this.used = subtractRoom(this.used, held.job.form.pool.resources);
    this.report(held);
  }

  private report(held: Held): void {
    this.ended.push(held);
    if (this.ended.length === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const ended = this.ended;
    this.ended = [];
    const size = this.form === 1 ? 1 : RUN_BATCH_MAX;
    for (let from = 0; from < ended.length; from += size) this.tell(ended.slice(from, from + size));
  }

  private tell(batch: readonly Held[]): void {
    const { boot, clock, link, names, worker } = this.options;
    const token = String((this.tokens += 1));
    const dueMs = clock.nowMs() + REPEAT_MS.silence;
    for (const held of batch) held.dueMs = dueMs;
    this.reporting.set(token, batch);
    // While NATS is away the client would keep every repetition in memory.
    if (!link.isConnected() || link.connection.isClosed()) return;
    const ends = batch.map(({ job: { id, attempt }, outcome }) => ({
      id,
      attempt,
      end: { kind: 'outcome' as const, outcome: outcome as Outcome },
    }));
    for (const message of encodeDone({ epoch: this.epoch, worker, boot, ends }, this.form))
      link.connection.publish(names.done, message, { reply: `${this.inbox}.${token}` });
  }

  /** A reply to a `done`; the server's own word that nobody listens has no body, and means the same as `retry`. */
  private heard(subject: string, data: Uint8Array): void {
    const token = subject.slice(this.inbox.length + 1);
    const batch = this.reporting.get(token);
    if (batch === undefined) return;
    const reply = parseDoneReply(data, batch.length);
    const retry = reply.ok ? reply.value.retry : [...batch.keys()];
    if (retry.length === 0) this.reporting.delete(token);
    const dueMs = this.options.clock.nowMs() + REPEAT_MS.retry;
    for (const [place, held] of batch.entries())
      if (!retry.includes(place)) this.forget(held);
      else held.dueMs = dueMs;
  }

  /** What the leader before was told and did not answer is told this one. */
  private again(): void {
    for (const batch of this.reporting.values()) for (const held of batch) held.dueMs = 0;
    this.sweep();
  }

  private sweep(): void {
    const nowMs = this.options.clock.nowMs();
    for (const [token, batch] of this.reporting) {
      const left = batch.filter((held) => this.held.get(held.key) === held);
      const [first] = left;
      if (first !== undefined && first.dueMs > nowMs) continue;
      this.reporting.delete(token);
      for (const held of left) this.report(held);
    }
  }

  private halt(message: Stop): StopReply {
    const held = this.held.get(keyOf(message));
    if (!this.heed(message.epoch) || held === undefined) return { v: MESSAGES_VERSION, known: false };
    if (message.why === 'cancel') this.end(held, outcomeOf(held.job, 'cancelled'));
    else {
      held.cancelDelay();
      if (held.outcome === null) this.used = subtractRoom(this.used, held.job.form.pool.resources);
      this.forget(held);
    }
    this.changed();
    return { v: MESSAGES_VERSION, known: true };
  }

  private forget(held: Held): void {
    this.held.delete(held.key);
    this.remember(held.key);
  }

  private remember(key: string): void {
    this.past.add(key);
    if (this.past.size < PAST_MIN) return;
    this.older = this.past;
    this.past = new Set();
  }

  private heed(epoch: Epoch): boolean {
    if (epoch < this.epoch) return false;
    this.epoch = epoch;
    return true;
  }

  private get free(): Room {
    return subtractRoom(this.room, this.used);
  }

  private changed(): void {
    this.pending ??= this.options.clock.after(COALESCE_MS, () => {
      this.pending = undefined;
      this.say();
    });
  }

  private say(): void {
    const { boot, link, names, worker } = this.options;
    if (!link.isConnected() || link.connection.isClosed()) return;
    this.seq += 1;
    const ready: Ready = {
      v: MESSAGES_VERSION,
      worker,
      boot,
      mode: 'warm',
      seq: this.seq,
      room: this.room,
      free: this.free,
      draining: false,
      reads: WIRE_FORM,
      attempts: [...this.held.values()].map(({ job }) => ({ id: job.id, attempt: job.attempt })),
      pools: [],
    };
    link.connection.publish(names.ready, encodeJson(ready));
  }

  private listen(
    subject: string,
    take: (data: Uint8Array, respond: (reply: Uint8Array) => void, subject: string) => void,
  ): void {
    const subscription = this.options.link.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message.data, (reply) => message.respond(reply), message.subject);
      },
    });
    this.cancels.push(() => subscription.unsubscribe());
  }
}

const argumentOf = ({ payload }: RunJob, name: string): JsonValue | undefined =>
  payload.kind === 'inline' ? payload.payload.arguments[name] : undefined;

const outcomeOf = (job: RunJob, kind: 'succeeded' | 'cancelled'): Outcome => {
  const text = argumentOf(job, 'text');
  const value = kind === 'succeeded' && text !== undefined ? { text } : null;
  const report = { value, exitCode: 0, usage: { wallMs: 0, cpuMs: 0, maxRssKiB: 0 }, output: NO_OUTPUT };
  return { kind, report };
};
