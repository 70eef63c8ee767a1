/**
 * The leader of a shard: one reign, from its election to its end. Decides; everything that acts is behind a port.
 *
 * E1  The engine acts only on the fold of the ledger up to its own `elected` (I2); a second leader's append ends it.
 * E2  `accepted` is answered after its commit, `finished` is committed before the worker is confirmed and before anyone sees
 *     it (I1, I3).
 * E3  A message about a job whose state is staged but not committed is answered "later": what the ledger may still
 *     lose must not be confirmed. So is one by a worker that has seen a later epoch: this reign is over.
 * E4  "There is no such job" is said only while nobody else can have been elected: not after a stall or a lost connection
 *     until an append of this reign went through again. In the older ledger format the ledger is asked each time.
 */
import {
  type JobEnvelope,
  type JobId,
  type TenantId,
  type ToolDefinition,
  type ToolName,
} from '@zerofleet/model';
import {
  formFor,
  MESSAGES_VERSION,
  WIRE_FORM,
  type Done,
  type DoneReply,
  type Ended,
  type FindReply,
  type LeaderStatus,
  type Ready,
  type Run,
  type SubmitReply,
  type UsageView,
  type Wait,
} from '@zerofleet/protocol';
import { every, type Cancel, type Clock, type Logger } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { SessionBook } from '../controls/session-book.js';
import { Attempts } from './attempts.js';
import { Cancels, type CancelReply } from './cancels.js';
import { Certainty } from './certainty.js';
import { CommitPipeline } from './commit-pipeline.js';
import { Commits } from './commits.js';
import { Dispatcher } from './dispatcher.js';
import { Fleet, type WorkerEntry } from './fleet.js';
import type { Fold } from './fold.js';
import type { FormatPolicy } from './format-policy.js';
import { Intake } from './intake.js';
import { EXPIRED } from './job-forms.js';
import { KeyDesk } from './keys.js';
import { Lookups } from './lookups.js';
import type { FleetView, LedgerPort, OutcomePort, TimerPort, UsagePort, WorkerPort } from './ports.js';
import { Projector } from './projector.js';
import { QuotaDesk } from './quota-desk.js';
import { Silence } from './silence.js';
import { Submissions } from './submissions.js';
import { Upkeep, type UpkeepLimits } from './upkeep.js';
import { UsageNotes } from './usage-notes.js';

export interface ReignOptions {
  readonly ledger: LedgerPort;
  readonly timers: TimerPort;
  readonly workers: WorkerPort;
  readonly outcomes: OutcomePort;
  readonly usage: UsagePort;
  /** What operators and tenants have set. */
  readonly controls: Controls;
  /** Open sessions; left out where none are kept. */
  readonly sessions?: SessionBook;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tools: ReadonlyMap<ToolName, ToolDefinition>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Jobs queued in the shard, at most. */
  readonly queuedMax: number;
  /** Appends in flight, at most. */
  readonly commitWindow: number;
  /** Silence after which a worker is lost, in ms. */
  readonly workerSilenceMs: number;
  readonly upkeep: UpkeepLimits;
}

export interface EngineOptions extends ReignOptions {
  /** The fold up to this reign's `elected`. */
  readonly fold: Fold;
  readonly leader: string;
  /** Sequence of this reign's `elected`. */
  readonly tailSeq: number;
  readonly format: FormatPolicy;
  /** The reign is over for good: another leads, or the ledger is not what was acknowledged. */
  readonly onLost: (reason: string) => void;
}

/** Time between two looks at silence, resends, upkeep and usage, in ms. */
const TICK_MS = 500;
/** Pause before a failed projection or a failed read of the ledger is tried again, in ms. */
const RETRY_MS = 250;

export class Engine {
  private readonly options: EngineOptions;
  private readonly fold: Fold;
  private readonly fleet = new Fleet();
  private readonly projector: Projector;
  private readonly silence: Silence;
  private readonly intake: Intake;
  private readonly submissions: Submissions;
  private readonly lookups: Lookups;
  private readonly cancels: Cancels;
  private readonly notes: UsageNotes;
  private readonly commits: Commits;
  private readonly attempts: Attempts;
  private readonly upkeep: Upkeep;
  private stopTick: Cancel = () => undefined;
  private stopDue: Cancel = () => undefined;
  private stopControls: Cancel = () => undefined;
  /** E4. */
  private readonly certainty: Certainty;
  private over = false;

  constructor(options: EngineOptions) {
    this.options = options;
    const { clock, outcomes, fold, ledger, timers, log, format, queuedMax } = options;
    this.fold = fold;
    this.silence = new Silence(options.workerSilenceMs, TICK_MS, clock.nowMs());
    this.intake = new Intake({ clock, ledger, queuedMax });
    const written = (): 1 | 2 => format.written(clock.nowMs());
    this.projector = new Projector({
      outcomes,
      clock,
      retryMs: RETRY_MS,
      format: written,
      onThrough: (seq) => fold.state.forgetThrough(seq),
    });
    const pipeline = this.newPipeline(written);
    this.commits = new Commits(pipeline, fold, this.projector);
    this.certainty = new Certainty(clock, ledger, pipeline);
    const healthy = (): boolean => this.healthy;
    this.lookups = new Lookups({
      ...{ fold, outcomes, clock, healthy },
      isSure: () => this.isSure(written()),
    });
    this.submissions = this.newSubmissions(written);
    this.notes = this.newNotes(pipeline);
    const dispatcher = new Dispatcher(options.workers, fold.state.epoch, {
      taken: (entry, assigned) => this.attempts.onTaken(entry, assigned),
      refused: (entry, assigned) => this.attempts.onRefused(entry, assigned),
      wrongBoot: (entry) => this.attempts.onWorkerGone(entry, true),
    });
    const isNew = (): boolean => written() > 1;
    this.attempts = new Attempts({
      ...{ fold, fleet: this.fleet, commits: this.commits, dispatcher, clock, log },
      ...{ tools: options.tools, controls: options.controls, random: options.random, canRetry: isNew },
    });
    this.cancels = new Cancels({
      ...{ fold, clock, healthy },
      attempts: this.attempts,
      commits: this.commits,
    });
    this.upkeep = new Upkeep({
      ...{ ledger, timers, fold, commits: this.commits, clock, log },
      ...{ limits: options.upkeep, usage: () => this.intake.usage, canMove: isNew },
      keepFrom: () => this.notes.keepFrom,
    });
  }

  /** Takes over what the fold says, and asks the workers who is there. */
  begin(): void {
    const { clock, log, tailSeq } = this.options;
    const { state } = this.fold;
    for (const [seq, ids] of state.ended)
      for (const id of ids) {
        const record = state.jobs.get(id);
        if (record !== undefined) this.commits.project(seq, record);
      }
    this.projector.stored(tailSeq);
    this.attempts.takeOver();
    this.stopControls = this.options.controls.onChange(() => this.attempts.dispatch());
    const { epoch, queued, running } = state;
    log.info({ epoch, queued, running, ledgerSeq: tailSeq }, 'leader_elected');
    this.callRoster();
    this.intake.refreshUsage(this.commits.pipeline);
    this.stopTick = every(clock, TICK_MS, () => this.tick());
    this.bringDue();
  }

  /** Takes nothing more in, and resolves once what was staged is stored or can not be. */
  async stop(graceMs: number): Promise<void> {
    const { clock } = this.options;
    this.certainty.end();
    this.intake.close();
    await Promise.race([
      this.commits.pipeline.drained(),
      new Promise<void>((resolve) => clock.after(graceMs, resolve)),
    ]);
    this.close();
  }

  get epoch(): number {
    return this.fold.state.epoch;
  }

  /** Whether this replica leads and its appends go through. */
  get healthy(): boolean {
    return !this.over && this.commits.pipeline.healthy;
  }

  get counts(): { readonly queued: number; readonly running: number; readonly unprojected: number } {
    const { queued, running } = this.fold.state;
    return { queued, running, unprojected: this.projector.backlog };
  }

  fleetView(): FleetView {
    const workers = [...this.fleet.all()].filter((entry) => entry.seq >= 0);
    return {
      workers: workers.map(({ worker, boot, draining, room, used }) => ({
        worker,
        boot,
        draining,
        freeCpuMilli: room.cpuMilli - used.cpuMilli,
        freeMemoryMiB: room.memoryMiB - used.memoryMiB,
      })),
    };
  }

  status(tenant: TenantId): LeaderStatus {
    const { workers } = this.fleetView();
    const { queued, running } = this.fold.state.countsOf(tenant);
    return {
      epoch: this.epoch,
      workers: {
        ready: workers.filter((worker) => !worker.draining).length,
        draining: workers.filter((worker) => worker.draining).length,
        freeCpuMilli: workers.reduce((sum, worker) => sum + worker.freeCpuMilli, 0),
        freeMemoryMiB: workers.reduce((sum, worker) => sum + worker.freeMemoryMiB, 0),
      },
      jobs: { queued, running },
    };
  }

  /** The job as committed, live or finished, of this tenant (I11). */
  find(tenant: TenantId, id: JobId): Promise<FindReply> {
    return this.lookups.find(tenant, id);
  }

  /** Accepts a job, or says why not. Resolves after the commit; a job that was submitted before is answered as it stands. */
  submit(envelope: JobEnvelope): Promise<SubmitReply> {
    return this.submissions.submit(envelope);
  }

  /** The same for many, in the same order, once all are answered. */
  submitAll(envelopes: readonly JobEnvelope[]): Promise<readonly SubmitReply[]> {
    return this.submissions.submitAll(envelopes);
  }

  /** Why a job of the tenant waits; null for one that does not, `unknown` for one that is not live. */
  why(tenant: TenantId, id: JobId): Wait | 'unknown' {
    return this.lookups.why(tenant, id);
  }

  /** What the tenant uses just now. */
  usage(tenant: TenantId): UsageView {
    return this.lookups.usage(tenant);
  }

  /** Ends a job; see Cancels. */
  cancel(tenant: TenantId, id: JobId): Promise<CancelReply> {
    return this.cancels.cancel(tenant, id);
  }

  /** A worker's state. */
  ready(message: Ready): void {
    if (this.over || this.fleet.isDead(message.boot)) return;
    const nowMs = this.options.clock.nowMs();
    const known = this.fleet.get(message.worker);
    if (known !== undefined && known.boot !== message.boot) {
      void this.askBoot(known, message);
      return;
    }
    const entry = known ?? this.fleet.expect(message.worker, message.boot, message.mode, nowMs);
    if (!this.fleet.refresh(entry, message, nowMs)) return;
    this.attempts.compare(entry, message);
    this.attempts.dispatch();
  }

  /** A new boot of a worker, or a message of an old one that came late: an empty run asks the worker which one it is. */
  private async askBoot(known: WorkerEntry, message: Ready): Promise<void> {
    const { worker, boot } = message;
    const question: Run = { epoch: this.epoch, boot, jobs: [] };
    const reply = await this.options.workers
      .run(worker, question, formFor(message.reads))
      .catch(() => undefined);
    if (reply?.kind !== 'taken' || this.over || this.fleet.get(worker) !== known) return;
    this.attempts.onWorkerGone(known, true);
    this.ready(message);
  }

  /** How attempts at a worker ended; the reply says which it may forget (E2, E3), once that is known of all. */
  done(message: Done): Promise<DoneReply> {
    const { ends } = message;
    if (this.over || message.epoch > this.epoch) return Promise.resolve({ retry: [...ends.keys()] });
    return new Promise((resolve) => {
      const retry: number[] = [];
      let open = ends.length;
      const settle = (): void => {
        open -= 1;
        if (open === 0) resolve({ retry });
      };
      for (const [place, ended] of ends.entries()) {
        const taken = this.endAttempt(message, ended, settle);
        if (taken === 'retry') retry.push(place);
        if (taken !== 'staged') settle();
      }
      if (ends.length === 0) resolve({ retry });
      this.attempts.dispatch();
      this.planDue();
    });
  }

  /** `staged`: `stored` hears when it is committed. `known`: it is committed, or is not the job's any more. */
  private endAttempt(
    { worker, boot }: Done,
    { id, attempt, end }: Ended,
    stored: () => void,
  ): 'staged' | 'known' | 'retry' {
    const record = this.fold.state.jobs.get(id);
    if (record === undefined) return 'known';
    const { state } = record;
    const current =
      state.kind === 'running' &&
      state.assignment.attempt === attempt &&
      state.assignment.worker === worker &&
      state.assignment.boot === boot;
    if (!current) return record.shown === state ? 'known' : 'retry';
    if (end.kind === 'outcome') this.attempts.judgeOutcome(record, end.outcome, stored);
    else this.attempts.endUnfinished(record, end.kind === 'lost' ? 'worker_lost' : 'handed_back', stored);
    return 'staged';
  }

  /** The leader's own connection went or came back. */
  linkChanged(connected: boolean): void {
    this.certainty.disturbed();
    this.silence.linkChanged(connected, this.options.clock.nowMs());
    if (connected) this.callRoster();
    else this.commits.pipeline.linkLost();
  }

  private callRoster(): void {
    this.options.workers.callRoster({ v: MESSAGES_VERSION, epoch: this.epoch, reads: WIRE_FORM });
  }

  /** E4. */
  private isSure(written: 1 | 2): boolean | Promise<boolean> {
    return written === 1 ? this.certainty.confirm() : this.certainty.isSure;
  }

  private newSubmissions(written: () => 1 | 2): Submissions {
    const { fold, commits, intake } = this;
    const { clock, outcomes, controls } = this.options;
    const { state, usage, departures } = fold;
    return new Submissions({
      ...{ fold, commits, intake, clock, written },
      keys: new KeyDesk(state, outcomes),
      quotas: new QuotaDesk({
        ...{ controls, state, usage, departures, clock },
        sessions: this.options.sessions,
        outcomeBytesMax: (job) => fold.needOf(job, job.extras).outcomeBytesMax,
      }),
      find: (tenant, id) => this.lookups.find(tenant, id),
      staged: () => {
        this.attempts.dispatch();
        this.planDue();
      },
    });
  }

  private newNotes(pipeline: CommitPipeline): UsageNotes {
    const { clock, log, usage: port } = this.options;
    const { policies, usage: book } = this.fold;
    return new UsageNotes({
      ...{ port, book, pipeline, clock, log },
      isNeeded: () => policies.isAnyLimited(),
      isLimited: (tenant) => policies.isLimited(tenant),
    });
  }

  private newPipeline(written: () => 1 | 2): CommitPipeline {
    const { ledger, clock, leader, tailSeq, commitWindow: window, log, fold } = this.options;
    return new CommitPipeline({
      ...{ ledger, clock, epoch: fold.state.epoch, leader, tailSeq, window },
      recoverPauseMs: RETRY_MS,
      format: written,
      projected: () => fold.state.projected,
      onStored: (seq) => this.projector.stored(seq),
      onLost: (reason) => this.end(reason),
      onTrouble: (reason) =>
        reason === null ? log.info('ledger_recovered') : log.warn({ reason }, 'ledger_trouble'),
    });
  }

  private end(reason: string): void {
    if (this.over) return;
    this.close();
    this.options.onLost(reason);
  }

  private close(): void {
    this.over = true;
    this.stopTick();
    this.stopDue();
    this.stopControls();
    this.notes.close();
    this.intake.close();
    this.projector.close();
    this.upkeep.close();
    this.commits.pipeline.close();
  }

  private tick(): void {
    const nowMs = this.options.clock.nowMs();
    this.certainty.look();
    this.silence.tick(nowMs);
    for (const entry of [...this.fleet.all()]) {
      if (this.silence.isLost(entry.lastHeardMs, nowMs)) this.attempts.onWorkerGone(entry, false);
      else if (entry.seq >= 0) this.attempts.resend(entry);
    }
    this.intake.refreshUsage(this.commits.pipeline);
    this.attempts.charge();
    if (this.fold.usage.expire(this.options.clock.wallMs())) this.fold.policies.storedOfAll();
    this.notes.tick();
    this.upkeep.tick();
    this.bringDue();
  }

  /** Jobs whose time has come may start; queued ones that missed their deadline end. */
  private bringDue(): void {
    const wallMs = this.options.clock.wallMs();
    for (const record of this.fold.queue.expired(wallMs)) this.attempts.finish(record, EXPIRED);
    this.fold.queue.due(wallMs);
    this.attempts.dispatch();
    this.planDue();
  }

  /** What comes due before the next tick gets a timer of its own. */
  private planDue(): void {
    this.stopDue();
    const inMs = this.fold.queue.nextAtMs - this.options.clock.wallMs();
    this.stopDue =
      inMs < TICK_MS ? this.options.clock.after(Math.max(inMs, 1), () => this.bringDue()) : () => undefined;
  }
}
