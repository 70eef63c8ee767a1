/**
 * The worker on the wire: answers the leader and gateways, says each second what it holds.
 *
 * K1  It answers for a while after it drained: a run that was committed before the leader heard of the drain is refused, and
 *     runs elsewhere. One without an answer would count as lost with the worker, and cost its job an attempt.
 */
import type { BootId, ExecutionMode, Room, WorkerId } from '@zerofleet/model';
import {
  encodeJson,
  formFor,
  MESSAGES_VERSION,
  parseRosterCall,
  parseRun,
  parseSessionCall,
  parseSpoolRequest,
  parseStop,
  WIRE_FORM,
  type Parsed,
  type Ready,
  type ShardNames,
} from '@zerofleet/protocol';
import {
  every,
  pause,
  type Cancel,
  type Clock,
  type Logger,
  type NatsConnection,
  type Service,
} from '@zerofleet/runtime';
import type { Attempts } from './attempt/attempts.js';
import type { DoneLine } from './done-line.js';
import type { PoolDriver } from './pool/pool-driver.js';
import type { SessionDesk } from './session/session-desk.js';

const READY_EVERY_MS = 1_000;
/** Changes within this go out as one Ready, in ms. */
const COALESCE_MS = 50;
/** What was committed before a leader heard of a drain has come here within so long, in ms (K1). */
const LATE_RUNS_MS = 500;

export interface WorkerOptions {
  readonly connection: NatsConnection;
  readonly names: ShardNames;
  readonly worker: WorkerId;
  readonly boot: BootId;
  readonly mode: ExecutionMode;
  readonly room: Room;
  readonly clock: Clock;
  readonly log: Logger;
  readonly attempts: Attempts;
  readonly dones: DoneLine;
  readonly sessions: SessionDesk;
  readonly pool: PoolDriver;
}

export class Worker implements Service {
  private readonly options: WorkerOptions;
  private seq = 0;
  private stopBeat: Cancel = () => undefined;
  private pending: Cancel | undefined;
  private readonly unsubscribes: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  start(): Promise<void> {
    const { names, worker, attempts, dones, sessions, clock } = this.options;
    this.answer(names.run(worker), parseRun, ({ run, form }) => {
      dones.leaderSpoke(run.epoch, form);
      return attempts.run(run);
    });
    this.answer(names.stop(worker), parseStop, (message) => attempts.stop(message));
    this.answer(names.spool(worker), parseSpoolRequest, (message) => attempts.spool(message));
    this.answer(names.session(worker), parseSessionCall, (call) => sessions.answer(call));
    this.answer(names.roster, parseRosterCall, (call) => {
      dones.leaderSpoke(call.epoch, formFor(call.reads));
      if (attempts.heed(call.epoch)) this.say();
      return undefined;
    });
    this.say();
    this.stopBeat = every(clock, READY_EVERY_MS, () => this.say());
    return Promise.resolve();
  }

  /** To be called once it drained (K1). */
  async stop(): Promise<void> {
    await pause(this.options.clock, LATE_RUNS_MS);
    this.stopBeat();
    this.pending?.();
    for (const unsubscribe of this.unsubscribes.splice(0)) unsubscribe();
  }

  /** Something a leader would like to know has changed. */
  changed(): void {
    this.pending ??= this.options.clock.after(COALESCE_MS, () => {
      this.pending = undefined;
      this.say();
    });
  }

  /** Publishes a Ready. */
  say(): void {
    const { attempts, boot, connection, mode, names, pool, room, worker } = this.options;
    this.seq += 1;
    const ready: Ready = {
      v: MESSAGES_VERSION,
      worker,
      boot,
      mode,
      seq: this.seq,
      room,
      free: attempts.free,
      draining: attempts.isDraining,
      reads: WIRE_FORM,
      attempts: attempts.list(),
      pools: pool.counts(),
    };
    if (!connection.isClosed()) connection.publish(names.ready, encodeJson(ready));
  }

  /** Answers requests on `subject`; one that cannot be read is logged and left without an answer. */
  private answer<T>(
    subject: string,
    parse: (bytes: Uint8Array) => Parsed<T>,
    reply: (message: T) => unknown,
  ): void {
    const { connection, log } = this.options;
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parse(message.data);
        if (!parsed.ok) return void log.warn({ subject, reason: parsed.reason }, 'message_malformed');
        void Promise.resolve(reply(parsed.value)).then(
          (answer) => answer !== undefined && message.respond(encodeJson(answer)),
          (failure: unknown) => log.warn({ subject, reason: String(failure) }, 'message_not_answered'),
        );
      },
    });
    this.unsubscribes.push(() => subscription.unsubscribe());
  }
}
