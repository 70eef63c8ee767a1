/**
 * The leader of a shard: one reign, from its election to its end. Decides; everything that acts is behind a port.
 *
 * E1  The engine acts only on the fold of the ledger up to its own `elected` (I2); a second leader's append ends it.
 * E2  `accepted` is answered after its commit, `started` is committed before its run is sent, `finished` before the
 *     worker is confirmed and before anyone sees it (I1, I3).
 * E3  A job runs again only when its worker is lost or handed it back unrun (I4); then the attempt grows, and whatever
 *     still comes from the old one is dropped.
 * E4  A message about a job whose state is staged but not committed is answered "later": what the ledger may still
 *     lose must not be confirmed. So is one by a worker that has seen a later epoch: this reign is over.
 */
import type {
  JobEnvelope,
  JobId,
  Outcome,
  RequeueReason,
  TenantId,
  ToolDefinition,
  ToolName,
} from '@zerofleet/model';
import { poolKeyOf } from '@zerofleet/model';
import {
  MESSAGES_VERSION,
  type Done,
  type DoneReply,
  type LedgerEvent,
  type OutcomeRecord,
  type Ready,
} from '@zerofleet/protocol';
import { every, type Cancel, type Clock, type Logger } from '@zerofleet/runtime';
import { FifoScheduler, type Candidate } from '@zerofleet/scheduler';
import { CommitPipeline } from './commit-pipeline.js';
import { Dispatcher } from './dispatcher.js';
import { elect } from './election.js';
import { Fleet, type Assigned, type WorkerEntry } from './fleet.js';
import { ACCEPT_WAIT_MS, Intake, type SubmitReply } from './intake.js';
import { JobFeed } from './job-feed.js';
import type { FleetView, JobSnapshot, LedgerPort, OutcomePort, TenantCounts, WorkerPort } from './ports.js';
import { Projector } from './projector.js';
import { isCancelled, runJob, snapshotOf, UNDEFINED_TOOL, workerLost } from './job-forms.js';
import { ShardState, type JobRecord } from './shard-state.js';
import { Silence } from './silence.js';

export interface EngineOptions {
  readonly ledger: LedgerPort;
  readonly workers: WorkerPort;
  readonly outcomes: OutcomePort;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tools: ReadonlyMap<ToolName, ToolDefinition>;
  /** Names this life of this replica in `elected` and in message ids; unique, without dots or spaces. */
  readonly leader: string;
  /** Jobs queued in the shard, at most. */
  readonly queuedMax: number;
  /** Bytes of inline payloads of the jobs in memory, at most. */
  readonly payloadBytesMax: number;
  /** Appends in flight, at most. */
  readonly commitWindow: number;
  /** Silence after which a worker is lost, in ms. */
  readonly workerSilenceMs: number;
  /** The reign is over for good: another leads, or the ledger is not what was acknowledged. */
  readonly onLost: (reason: string) => void;
}

/** How an asked-for change of a job ended. */
export type CancelReply =
  | { readonly kind: 'cancelled'; readonly job: JobSnapshot }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable' };

/** Time between two looks at silence, resends, purge and usage, in ms. */
const TICK_MS = 500;
/** Ready messages in a row that may miss a taken attempt before it counts as lost. */
const MISSING_READY_MAX = 3;
/** The ledger is purged once this many messages could go. */
const PURGE_MESSAGES_MIN = 512;
/** Pause before a failed projection or a failed read of the ledger is tried again, in ms. */
const RETRY_MS = 250;

export class Engine {
  private readonly options: EngineOptions;
  private readonly state = new ShardState();
  private readonly fleet = new Fleet();
  private readonly scheduler = new FifoScheduler();
  private readonly projector: Projector;
  private readonly silence: Silence;
  private readonly intake: Intake;
  /** What listeners hear and readers see: committed states only. */
  readonly feed = new JobFeed();
  private reign: { readonly pipeline: CommitPipeline; readonly dispatcher: Dispatcher } | undefined;
  private stopTick: Cancel = () => undefined;
  private purgedTo = 0;

  constructor(options: EngineOptions) {
    this.options = options;
    const { clock, outcomes } = options;
    this.projector = new Projector(outcomes, clock, RETRY_MS, (record) => this.state.forget(record.job.id));
    this.silence = new Silence(options.workerSilenceMs, TICK_MS, clock.nowMs());
    const { ledger, queuedMax, payloadBytesMax } = options;
    this.intake = new Intake({ clock, ledger, queuedMax, payloadBytesMax });
  }

  /** Reads the ledger, is elected, takes over what runs. Throws when the ledger cannot be read or understood. */
  async start(): Promise<void> {
    const { ledger, clock, leader } = this.options;
    const onFinished = (id: JobId, seq: number): void => this.project(id, seq);
    const tailSeq = await elect({ ledger, clock, leader, state: this.state, onFinished });
    const epoch = this.state.epoch;
    const pipeline = new CommitPipeline({
      ledger: this.options.ledger,
      clock: this.options.clock,
      epoch,
      leader: this.options.leader,
      tailSeq,
      window: this.options.commitWindow,
      recoverPauseMs: RETRY_MS,
      onLost: (reason) => this.end(reason),
      onTrouble: (reason) =>
        reason === null
          ? this.options.log.info('ledger_recovered')
          : this.options.log.warn({ reason }, 'ledger_trouble'),
    });
    const dispatcher = new Dispatcher(this.options.workers, epoch, {
      taken: (entry, assigned) => this.onTaken(entry, assigned),
      refused: (entry, assigned) => this.onRefused(entry, assigned),
      wrongBoot: (entry) => this.onWorkerGone(entry, true),
    });
    this.reign = { pipeline, dispatcher };
    this.takeOver();
    this.options.log.info(
      { epoch, queued: this.state.queued, running: this.state.running, ledgerSeq: tailSeq },
      'leader_elected',
    );
    this.options.workers.callRoster({ v: MESSAGES_VERSION, epoch });
    this.stopTick = every(this.options.clock, TICK_MS, () => this.tick());
    this.dispatch();
  }

  /** Takes nothing more in, and resolves once what was staged is stored or can not be. */
  async stop(graceMs: number): Promise<void> {
    const { clock } = this.options;
    this.intake.close();
    const pipeline = this.reign?.pipeline;
    if (pipeline !== undefined)
      await Promise.race([pipeline.drained(), new Promise<void>((resolve) => clock.after(graceMs, resolve))]);
    this.close();
  }

  get epoch(): number {
    return this.state.epoch;
  }

  /** Whether this replica leads and its appends go through. */
  get healthy(): boolean {
    return this.reign?.pipeline.healthy ?? false;
  }

  get counts(): { readonly queued: number; readonly running: number; readonly unprojected: number } {
    return { queued: this.state.queued, running: this.state.running, unprojected: this.projector.backlog };
  }

  countsOf(tenant: TenantId): TenantCounts {
    return { tenant, ...this.state.countsOf(tenant) };
  }

  fleetView(): FleetView {
    const workers = [...this.fleet.all()].filter((entry) => entry.seq >= 0);
    return {
      workers: workers.map((entry) => ({
        worker: entry.worker,
        boot: entry.boot,
        draining: entry.draining,
        freeCpuMilli: entry.room.cpuMilli - entry.used.cpuMilli,
        freeMemoryMiB: entry.room.memoryMiB - entry.used.memoryMiB,
      })),
    };
  }

  /** The job as committed, live or just finished; undefined when it is neither or another tenant's (I11). */
  find(tenant: TenantId, id: JobId): JobSnapshot | undefined {
    const record = this.state.jobs.get(id);
    const snapshot = record === undefined ? this.feed.recent(id) : snapshotOf(record);
    return snapshot?.envelope.tenant === tenant ? snapshot : undefined;
  }

  /** Accepts a job, or says why not. Resolves after the commit. */
  submit(envelope: JobEnvelope): Promise<SubmitReply> {
    const { reign } = this;
    if (reign === undefined) return Promise.resolve({ kind: 'refused', why: 'no_leader' });
    const refusal = this.intake.check(reign.pipeline, this.state.queued, this.state.payloadBytes);
    if (refusal !== undefined) return Promise.resolve({ kind: 'refused', why: refusal });
    return this.intake.wait(envelope.id, (stored) => {
      const record = this.commit({ kind: 'accepted', job: envelope }, (snapshot) => stored(snapshot));
      if (record !== undefined) this.enqueue(record, 'back');
      this.dispatch();
    });
  }

  /**
   * Ends a job: a queued one at once, a running one as soon as its worker can. Resolves once the cancel, or the end that
   * came before it, is committed; `unavailable` after ACCEPT_WAIT_MS, and then to ask again is harmless.
   */
  cancel(tenant: TenantId, id: JobId): Promise<CancelReply> {
    const record = this.state.jobs.get(id);
    const finished = this.feed.recent(id);
    if (finished?.envelope.tenant === tenant) return Promise.resolve({ kind: 'cancelled', job: finished });
    if (record === undefined || record.shown === null || record.envelope.tenant !== tenant)
      return Promise.resolve({ kind: 'unknown' });
    if (!this.healthy) return Promise.resolve({ kind: 'unavailable' });
    const { state } = record;
    if (state.kind === 'queued') {
      this.scheduler.remove(id);
      this.finish(record, state.attemptsStarted, { kind: 'cancelled', report: null });
    } else if (state.kind === 'running' && !state.cancelRequested) {
      this.commit({ kind: 'cancel_requested', id }, () => this.stopAttempt(record, 'cancel'));
    }
    return this.cancelCommitted(record);
  }

  private cancelCommitted(record: JobRecord): Promise<CancelReply> {
    const now = snapshotOf(record);
    if (now !== undefined && isCancelled(now)) return Promise.resolve({ kind: 'cancelled', job: now });
    return new Promise((resolve) => {
      const settle = (reply: CancelReply): void => {
        unlisten();
        stopWaiting();
        resolve(reply);
      };
      const unlisten = this.feed.listen(record.envelope.id, (job) => {
        if (isCancelled(job)) settle({ kind: 'cancelled', job });
      });
      const stopWaiting = this.options.clock.after(ACCEPT_WAIT_MS, () => settle({ kind: 'unavailable' }));
    });
  }

  /** A worker's state. */
  ready(message: Ready): void {
    if (this.reign === undefined || this.fleet.isDead(message.boot)) return;
    const nowMs = this.options.clock.nowMs();
    const known = this.fleet.get(message.worker);
    if (known !== undefined && known.boot !== message.boot) this.onWorkerGone(known, true);
    const entry =
      this.fleet.get(message.worker) ?? this.fleet.expect(message.worker, message.boot, message.mode, nowMs);
    if (!this.fleet.refresh(entry, message, nowMs)) return;
    this.compare(entry, message);
    this.dispatch();
  }

  /** A worker's end of an attempt; the reply says whether it may forget it (E2, E4). */
  done(message: Done): Promise<DoneReply> {
    const reply = (kind: DoneReply['kind']): Promise<DoneReply> =>
      Promise.resolve({ v: MESSAGES_VERSION, kind });
    if (this.reign === undefined || message.epoch > this.state.epoch) return reply('retry');
    const record = this.state.jobs.get(message.id);
    if (record === undefined) return reply('confirmed');
    const { state } = record;
    const current =
      state.kind === 'running' &&
      state.assignment.attempt === message.attempt &&
      state.assignment.worker === message.worker &&
      state.assignment.boot === message.boot;
    if (!current) return reply(record.shown === state ? 'confirmed' : 'retry');
    return new Promise((resolve) => {
      const stored = (): void => resolve({ v: MESSAGES_VERSION, kind: 'confirmed' });
      if (message.end.kind === 'outcome') this.finish(record, message.attempt, message.end.outcome, stored);
      else this.endUnfinished(record, message.end.kind === 'lost' ? 'worker_lost' : 'handed_back', stored);
      this.dispatch();
    });
  }

  /** The leader's own connection went or came back. */
  linkChanged(connected: boolean): void {
    this.silence.linkChanged(connected, this.options.clock.nowMs());
    if (connected && this.reign !== undefined)
      this.options.workers.callRoster({ v: MESSAGES_VERSION, epoch: this.state.epoch });
  }

  // The reign

  /** Brings queue, fleet and promises in line with the fold. */
  private takeOver(): void {
    const nowMs = this.options.clock.nowMs();
    for (const record of this.state.jobs.values()) {
      const { state } = record;
      if (state.kind === 'queued') this.enqueue(record, 'back');
      if (state.kind !== 'running') continue;
      const { worker, boot, attempt } = state.assignment;
      const known = this.fleet.get(worker);
      const entry =
        known?.boot === boot ? known : this.fleet.expect(worker, boot, record.envelope.decision.mode, nowMs);
      const tool = this.options.tools.get(record.envelope.tool);
      if (tool === undefined) this.finish(record, attempt, UNDEFINED_TOOL);
      else this.fleet.assign(entry, record.envelope.id, attempt, tool.pool.resources, poolKeyOf(tool.pool));
    }
  }

  private end(reason: string): void {
    this.close();
    this.options.onLost(reason);
  }

  private close(): void {
    this.stopTick();
    this.intake.close();
    this.projector.close();
    this.reign?.pipeline.close();
    this.reign = undefined;
  }

  private tick(): void {
    const nowMs = this.options.clock.nowMs();
    this.silence.tick(nowMs);
    for (const entry of [...this.fleet.all()]) {
      if (this.silence.isLost(entry.lastHeardMs, nowMs)) this.onWorkerGone(entry, false);
      else if (entry.seq >= 0) this.resend(entry);
    }
    this.purge();
    this.intake.refreshUsage();
    this.dispatch();
  }

  private purge(): void {
    const pipeline = this.reign?.pipeline;
    if (pipeline === undefined || !pipeline.healthy) return;
    const before = this.state.oldestNeeded(pipeline.tailSeq);
    if (before - this.purgedTo < PURGE_MESSAGES_MIN) return;
    const last = this.purgedTo;
    this.purgedTo = before;
    this.options.ledger.purge(before).catch(() => {
      this.purgedTo = last;
    });
  }

  // Commits

  /** Stages one event; `stored` hears of the job as committed. Undefined for an event without a live job. */
  private commit(event: LedgerEvent, stored: (snapshot: JobSnapshot) => void): JobRecord | undefined {
    const pipeline = this.reign?.pipeline;
    if (pipeline === undefined) return undefined;
    const effect: { run?: () => void } = {};
    const place = pipeline.stage([event], () => effect.run?.());
    const record = this.state.apply(event, place.seq, place.atMs, this.state.epoch);
    if (record === undefined) return undefined;
    const { state } = record;
    effect.run = () => {
      record.shown = state;
      if (event.kind === 'finished') this.project(event.id, place.seq);
      const snapshot = { envelope: record.envelope, state };
      this.feed.publish(snapshot);
      stored(snapshot);
    };
    return record;
  }

  private finish(
    record: JobRecord,
    attempt: number,
    outcome: Outcome,
    stored: (snapshot: JobSnapshot) => void = () => undefined,
  ): void {
    this.releaseRoom(record);
    this.commit({ kind: 'finished', id: record.envelope.id, attempt, outcome }, stored);
  }

  private project(id: JobId, ledgerSeq: number): void {
    const record = this.state.jobs.get(id);
    if (record?.state.kind !== 'finished') return;
    const { outcome, attempt, startedAtMs, finishedAtMs } = record.state;
    const times = { startedAtMs, finishedAtMs };
    const projection: OutcomeRecord = { v: 1, ledgerSeq, job: record.envelope, attempt, outcome, ...times };
    this.projector.add(projection);
  }

  /** The attempt is over and brought no outcome (E3). */
  private endUnfinished(
    record: JobRecord,
    reason: RequeueReason,
    stored: () => void = () => undefined,
  ): void {
    const { state, envelope } = record;
    if (state.kind !== 'running') return;
    const { attempt } = state.assignment;
    if (state.cancelRequested) {
      this.finish(record, attempt, { kind: 'cancelled', report: null }, stored);
    } else if (reason === 'worker_lost' && state.attemptsSpent >= envelope.maxAttempts) {
      this.finish(record, attempt, workerLost(state.attemptsSpent), stored);
    } else {
      this.releaseRoom(record);
      this.commit({ kind: 'requeued', id: envelope.id, attempt, reason }, stored);
      this.enqueue(record, 'front');
    }
  }

  private releaseRoom(record: JobRecord): void {
    if (record.state.kind !== 'running') return;
    const { worker, attempt } = record.state.assignment;
    this.fleet.release(worker, record.envelope.id, attempt);
  }

  // Queue and dispatch

  private enqueue(record: JobRecord, end: 'front' | 'back'): void {
    const { envelope } = record;
    const tool = this.options.tools.get(envelope.tool);
    if (tool === undefined) {
      if (record.state.kind === 'queued') this.finish(record, record.state.attemptsStarted, UNDEFINED_TOOL);
      return;
    }
    const need = { room: tool.pool.resources, poolKey: poolKeyOf(tool.pool), mode: envelope.decision.mode };
    const candidate: Candidate = { id: envelope.id, need };
    if (end === 'front') this.scheduler.addFirst(candidate);
    else this.scheduler.add(candidate);
  }

  private dispatch(): void {
    if (!this.healthy) return;
    for (;;) {
      const choice = this.scheduler.next(this.fleet.hosts());
      if (choice.kind !== 'run') return;
      this.startAttempt(choice.candidate, choice.host.worker);
    }
  }

  private startAttempt({ id, need }: Candidate, worker: WorkerEntry['worker']): void {
    const record = this.state.jobs.get(id);
    const entry = this.fleet.get(worker);
    if (record?.state.kind !== 'queued' || entry === undefined) return;
    const attempt = record.state.attemptsStarted + 1;
    const assigned = this.fleet.assign(entry, id, attempt, need.room, need.poolKey);
    this.commit({ kind: 'started', id, attempt, worker, boot: entry.boot }, () => this.send(entry, assigned));
  }

  /** Sends a committed attempt to its worker, if it is still the job's. */
  private send(entry: WorkerEntry, assigned: Assigned): void {
    const record = this.state.jobs.get(assigned.id);
    if (record === undefined || this.fleet.get(entry.worker) !== entry) return;
    const committed =
      record.shown?.kind === 'running' && record.shown.assignment.attempt === assigned.attempt;
    if (!committed || entry.assigned.get(assigned.id) !== assigned) return;
    const tool = this.options.tools.get(record.envelope.tool);
    if (tool !== undefined)
      this.reign?.dispatcher.run(entry, assigned, runJob(record.envelope, assigned.attempt, tool));
  }

  private resend(entry: WorkerEntry): void {
    for (const assigned of entry.assigned.values())
      if (assigned.phase === 'staged') this.send(entry, assigned);
  }

  private stopAttempt(record: JobRecord, why: 'cancel' | 'forget'): void {
    if (record.state.kind !== 'running') return;
    const { worker, attempt } = record.state.assignment;
    this.reign?.dispatcher.stop(worker, record.envelope.id, attempt, why);
  }

  // Workers

  private onTaken(entry: WorkerEntry, assigned: Assigned): void {
    if (entry.assigned.get(assigned.id) === assigned) assigned.phase = 'taken';
    const record = this.state.jobs.get(assigned.id);
    if (record?.state.kind === 'running' && record.state.cancelRequested) this.stopAttempt(record, 'cancel');
  }

  private onRefused(entry: WorkerEntry, assigned: Assigned): void {
    if (entry.assigned.get(assigned.id) !== assigned) return;
    entry.closed = true;
    const record = this.state.jobs.get(assigned.id);
    if (record !== undefined) this.endUnfinished(record, 'handed_back');
    this.dispatch();
  }

  /** `dead`: another boot stands in its place. Otherwise it was silent, and may come back with the same boot. */
  private onWorkerGone(entry: WorkerEntry, dead: boolean): void {
    if (this.fleet.get(entry.worker) !== entry) return;
    const lost = [...entry.assigned.keys()];
    this.options.log.warn(
      { worker: entry.worker, boot: entry.boot, attempts: lost.length, dead },
      'worker_lost',
    );
    if (dead) this.fleet.bury(entry);
    else this.fleet.dismiss(entry);
    for (const id of lost.reverse()) {
      const record = this.state.jobs.get(id);
      if (record !== undefined) this.endUnfinished(record, 'worker_lost');
    }
  }

  /** What the worker holds against what the ledger says it holds. */
  private compare(entry: WorkerEntry, message: Ready): void {
    const held = new Set(message.attempts.map((one) => `${one.id}/${one.attempt}`));
    for (const assigned of [...entry.assigned.values()]) {
      if (held.has(`${assigned.id}/${assigned.attempt}`)) this.onListed(assigned);
      else if (assigned.phase === 'taken') this.onMissing(assigned);
      else this.send(entry, assigned);
    }
    for (const { id, attempt } of message.attempts) {
      if (entry.assigned.get(id)?.attempt === attempt) continue;
      const record = this.state.jobs.get(id);
      if (record === undefined || record.shown === record.state)
        this.reign?.dispatcher.stop(entry.worker, id, attempt, 'forget');
    }
  }

  private onListed(assigned: Assigned): void {
    assigned.phase = 'taken';
    assigned.missing = 0;
    const record = this.state.jobs.get(assigned.id);
    if (record?.shown?.kind === 'running' && record.shown.cancelRequested) this.stopAttempt(record, 'cancel');
  }

  private onMissing(assigned: Assigned): void {
    assigned.missing += 1;
    const record = this.state.jobs.get(assigned.id);
    if (assigned.missing >= MISSING_READY_MAX && record !== undefined)
      this.endUnfinished(record, 'worker_lost');
  }
}
