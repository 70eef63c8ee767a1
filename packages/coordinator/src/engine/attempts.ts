/**
 * Attempts of a reign: starts them where there is room, judges how they ended, and keeps the ledger and the workers of one
 * mind about who holds what.
 *
 * A1  `started` is committed before its run is sent (D1 of the dispatcher says to whom).
 * A2  A job runs again only when its worker is lost or handed it back unrun, or its retry policy says so (I4); then the
 *     attempt grows, and whatever still comes from the old one is dropped.
 */
import type {
  JobTemplate,
  Outcome,
  PayloadRef,
  RequeueReason,
  ToolDefinition,
  ToolName,
} from '@zerofleet/model';
import type { Ready, RunForm } from '@zerofleet/protocol';
import type { Clock, Logger } from '@zerofleet/runtime';
import { judge } from '@zerofleet/scheduler';
import type { Controls } from '../controls/controls.js';
import type { Commits } from './commits.js';
import type { Dispatcher } from './dispatcher.js';
import type { Assigned, Fleet, WorkerEntry } from './fleet.js';
import type { Fold } from './fold.js';
import { runForm, UNDEFINED_TOOL, workerLost } from './job-forms.js';
import type { JobRecord } from './job-record.js';

/** Ready messages in a row that may miss a taken attempt before it counts as lost. */
const MISSING_READY_MAX = 3;

export interface AttemptsOptions {
  readonly fold: Fold;
  readonly fleet: Fleet;
  readonly commits: Commits;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tools: ReadonlyMap<ToolName, ToolDefinition>;
  readonly controls: Controls;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Whether retries can be written: the older ledger format does not have them. */
  readonly canRetry: () => boolean;
}

const nothing = (): void => undefined;

export class Attempts {
  private readonly options: AttemptsOptions;
  private readonly forms = new WeakMap<JobTemplate, RunForm>();

  constructor(options: AttemptsOptions) {
    this.options = options;
  }

  /** Brings the fleet in line with the fold, at the beginning of a reign. */
  takeOver(): void {
    const { fold, fleet, clock } = this.options;
    fold.queue.ready.takeOver(clock.wallMs());
    for (const record of fold.queue.undefinedTools) this.finish(record, UNDEFINED_TOOL);
    for (const record of fold.queue.running) {
      if (record.state.kind !== 'running') continue;
      const { worker, boot, attempt } = record.state.assignment;
      const known = fleet.get(worker);
      const { need } = record;
      const entry = known?.boot === boot ? known : fleet.expect(worker, boot, need.mode, clock.nowMs());
      if (this.options.tools.has(record.template.tool))
        fleet.assign(entry, record.id, attempt, need.room, need.poolKey);
      else this.finish(record, UNDEFINED_TOOL);
    }
  }

  /** Charges what runs for longer than was expected: nobody holds more than his share by jobs that do not end. */
  charge(): void {
    const { fold, clock } = this.options;
    const wallMs = clock.wallMs();
    for (const record of fold.queue.running)
      if (record.state.kind === 'running') fold.queue.ready.ran(record, wallMs - record.state.startedAtMs);
  }

  /** Starts what may start. */
  dispatch(): void {
    const { fold, fleet, commits, clock } = this.options;
    if (!commits.pipeline.healthy) return;
    const { ready } = fold.queue;
    fleet.tell(ready);
    for (;;) {
      const turn = ready.next(clock.wallMs());
      if (turn.kind === 'run') this.start(turn.job, turn.worker, turn.home);
      else {
        fold.queue.heldUntilMs = turn.kind === 'wait' ? (turn.untilMs ?? Infinity) : Infinity;
        return;
      }
    }
  }

  /** Commits the job's one outcome. */
  finish(record: JobRecord, outcome: Outcome, stored: () => void = nothing): void {
    const { state } = record;
    if (state.kind === 'finished') return;
    const attempt = state.kind === 'running' ? state.assignment.attempt : state.attemptsStarted;
    this.releaseRoom(record);
    this.options.commits.commit({ kind: 'finished', id: record.id, attempt, outcome }, stored);
  }

  /** An attempt brought an outcome: it is the job's, or its retry policy says again (A2). */
  judgeOutcome(record: JobRecord, outcome: Outcome, stored: () => void): void {
    const { state, extras, maxAttempts: max } = record;
    if (state.kind !== 'running') return;
    const { random, canRetry, clock } = this.options;
    const policy = state.cancelRequested || !canRetry() ? undefined : extras?.retry;
    const verdict = judge(outcome, policy, { spent: state.attemptsSpent, max }, random());
    if (verdict.kind === 'final') this.finish(record, outcome, stored);
    else this.requeue(record, 'retry', clock.wallMs() + verdict.delayMs, stored);
  }

  /** The attempt is over and brought no outcome (A2). */
  endUnfinished(
    record: JobRecord,
    reason: 'worker_lost' | 'handed_back',
    stored: () => void = nothing,
  ): void {
    const { state, maxAttempts } = record;
    if (state.kind !== 'running') return;
    if (state.cancelRequested) this.finish(record, { kind: 'cancelled', report: null }, stored);
    else if (reason === 'worker_lost' && state.attemptsSpent >= maxAttempts)
      this.finish(record, workerLost(state.attemptsSpent), stored);
    else this.requeue(record, reason, null, stored);
  }

  /** Tells the worker of a running attempt to end it. */
  stop(record: JobRecord, why: 'cancel' | 'forget'): void {
    if (record.state.kind !== 'running') return;
    const { worker, attempt } = record.state.assignment;
    this.options.dispatcher.stop(worker, record.id, attempt, why);
  }

  private requeue(
    record: JobRecord,
    reason: RequeueReason,
    dueAtMs: number | null,
    stored: () => void,
  ): void {
    if (record.state.kind !== 'running') return;
    const { attempt } = record.state.assignment;
    this.releaseRoom(record);
    this.options.commits.commit({ kind: 'requeued', id: record.id, attempt, reason, dueAtMs }, stored);
  }

  private releaseRoom({ id, state }: JobRecord): void {
    if (state.kind === 'running')
      this.options.fleet.release(state.assignment.worker, id, state.assignment.attempt);
  }

  /** `home`: its session's container is there, and no other is taken for it. */
  private start(record: JobRecord, worker: WorkerEntry['worker'], home: boolean): void {
    const { fleet, commits } = this.options;
    const entry = fleet.get(worker);
    if (record.state.kind !== 'queued' || entry === undefined)
      throw new Error(`${record.id} cannot start at ${worker}`);
    const { id, need } = record;
    const attempt = record.state.attemptsStarted + 1;
    const assigned = fleet.assign(entry, id, attempt, need.room, home ? null : need.poolKey);
    const { boot } = entry;
    commits.commit({ kind: 'started', id, attempt, worker, boot }, () => this.send(entry, assigned));
  }

  /** Sends a committed attempt to its worker, if it is still the job's. */
  private send(entry: WorkerEntry, assigned: Assigned): void {
    const record = this.sendable(entry, assigned);
    if (record === undefined) return;
    if (record.payload === null) {
      this.sendFetched(entry, assigned, record);
      return;
    }
    this.hand(entry, assigned, record, record.payload);
  }

  private hand(entry: WorkerEntry, assigned: Assigned, record: JobRecord, payload: PayloadRef): void {
    const form = this.formOf(record.template);
    if (form === undefined) return;
    const { id, timeoutMs, payloadBytes, extras } = record;
    const plain = { id, attempt: assigned.attempt, form, payload, timeoutMs };
    const job = extras?.session === undefined ? plain : { ...plain, session: extras.session };
    const secrets = this.secretsOf(record);
    if (secrets === undefined) return this.options.dispatcher.run(entry, assigned, job, payloadBytes);
    const bytes = payloadBytes + JSON.stringify(secrets).length;
    this.options.dispatcher.run(entry, assigned, { ...job, secrets }, bytes);
  }

  /** Sealed values of the secrets that the job refers to, as they stand now. */
  private secretsOf({ template, extras }: JobRecord): Record<string, string> | undefined {
    if (extras?.secrets === undefined) return undefined;
    const secrets: Record<string, string> = {};
    for (const name of extras.secrets) {
      const record = this.options.controls.secret(template.tenant, name);
      if (record !== undefined) secrets[name] = record.sealed;
    }
    return secrets;
  }

  /** One object for all jobs of a template; undefined when the tool is not defined. */
  private formOf(template: JobTemplate): RunForm | undefined {
    const known = this.forms.get(template);
    if (known !== undefined) return known;
    const tool = this.options.tools.get(template.tool);
    if (tool === undefined) return undefined;
    const form = runForm(template, tool);
    this.forms.set(template, form);
    return form;
  }

  /** The payload stands on disk alone: it is read first. A read that fails is tried again by the next resend. */
  private sendFetched(entry: WorkerEntry, assigned: Assigned, record: JobRecord): void {
    if (assigned.phase !== 'staged') return;
    assigned.phase = 'sending';
    void this.options.fold.payloads.fetch(record).then(
      (payload) => {
        assigned.phase = 'staged';
        if (this.sendable(entry, assigned) === record) this.hand(entry, assigned, record, payload);
      },
      () => {
        assigned.phase = 'staged';
      },
    );
  }

  private sendable(entry: WorkerEntry, assigned: Assigned): JobRecord | undefined {
    const { fold, fleet } = this.options;
    const record = fold.state.jobs.get(assigned.id);
    if (record === undefined || fleet.get(entry.worker) !== entry) return undefined;
    const { shown } = record;
    const committed = shown?.kind === 'running' && shown.assignment.attempt === assigned.attempt;
    return committed && entry.assigned.get(assigned.id) === assigned ? record : undefined;
  }

  /** Sends again what is not known to have arrived. */
  resend(entry: WorkerEntry): void {
    for (const assigned of entry.assigned.values())
      if (assigned.phase === 'staged') this.send(entry, assigned);
  }

  // What workers say

  onTaken(entry: WorkerEntry, assigned: Assigned): void {
    const { state } = this.options.fold;
    if (entry.assigned.get(assigned.id) === assigned) assigned.phase = 'taken';
    const record = state.jobs.get(assigned.id);
    if (record?.state.kind !== 'running') return;
    if (record.state.cancelRequested) this.stop(record, 'cancel');
  }

  onRefused(entry: WorkerEntry, assigned: Assigned): void {
    if (entry.assigned.get(assigned.id) !== assigned) return;
    this.options.fleet.close(entry);
    const record = this.options.fold.state.jobs.get(assigned.id);
    if (record !== undefined) this.endUnfinished(record, 'handed_back');
    this.dispatch();
  }

  /** `dead`: another boot stands in its place. Otherwise it was silent, and may come back with the same boot. */
  onWorkerGone(entry: WorkerEntry, dead: boolean): void {
    const { fleet, fold, log } = this.options;
    if (fleet.get(entry.worker) !== entry) return;
    const lost = [...entry.assigned.keys()];
    log.warn({ worker: entry.worker, boot: entry.boot, attempts: lost.length, dead }, 'worker_lost');
    if (dead) fleet.bury(entry);
    else fleet.dismiss(entry);
    for (const id of lost.reverse()) {
      const record = fold.state.jobs.get(id);
      if (record !== undefined) this.endUnfinished(record, 'worker_lost');
    }
  }

  /** What the worker holds against what the ledger says it holds. */
  compare(entry: WorkerEntry, message: Ready): void {
    const { state } = this.options.fold;
    const held = new Set(message.attempts.map((one) => `${one.id}/${one.attempt}`));
    for (const assigned of [...entry.assigned.values()]) {
      if (held.has(`${assigned.id}/${assigned.attempt}`)) this.onListed(assigned);
      else if (assigned.phase === 'taken') this.onMissing(assigned);
      else this.send(entry, assigned);
    }
    const strangers = new Set<string>();
    for (const { id, attempt } of message.attempts) {
      if (entry.assigned.get(id)?.attempt === attempt) continue;
      const name = `${id}/${attempt}`;
      strangers.add(name);
      // The confirmation of an attempt that just ended may still be under way: only what stays is told to go.
      if (!entry.strangers.has(name)) continue;
      const record = state.jobs.get(id);
      if (record === undefined || record.shown === record.state)
        this.options.dispatcher.stop(entry.worker, id, attempt, 'forget');
    }
    entry.strangers = strangers;
  }

  private onListed(assigned: Assigned): void {
    assigned.phase = 'taken';
    assigned.missing = 0;
    const shown = this.options.fold.state.jobs.get(assigned.id);
    if (shown?.shown?.kind === 'running' && shown.shown.cancelRequested) this.stop(shown, 'cancel');
  }

  private onMissing(assigned: Assigned): void {
    assigned.missing += 1;
    const record = this.options.fold.state.jobs.get(assigned.id);
    if (assigned.missing >= MISSING_READY_MAX && record !== undefined)
      this.endUnfinished(record, 'worker_lost');
  }
}
