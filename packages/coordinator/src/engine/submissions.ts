/**
 * Submissions, from the door to the ledger: keys, quotas, staging, and what the submitter hears.
 *
 * B1  A submitter hears `accepted` only after the commit (I3); one whose job was there before hears how it stands.
 * B2  Quotas are taken in the turn in which the job is staged, and only for a job that is new.
 */
import type { JobEnvelope, JobId, StoredJob, TenantId } from '@zerofleet/model';
import { fitsV1, type FindReply, type NotTaken, type RateLeft, type SubmitReply } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { Commits } from './commits.js';
import type { Fold } from './fold.js';
import { ACCEPT_WAIT_MS, type Intake } from './intake.js';
import { shownOf, snapshotOf, type JobRecord } from './job-record.js';
import type { KeyDesk, KeyVerdict } from './keys.js';
import type { QuotaDesk } from './quota-desk.js';

/** Hears, once, how a submission went. */
type Settle = (reply: SubmitReply) => void;

export interface SubmissionsOptions {
  readonly fold: Fold;
  readonly commits: Commits;
  readonly intake: Intake;
  readonly keys: KeyDesk;
  readonly quotas: QuotaDesk;
  readonly clock: Clock;
  /** The ledger format that is written now. */
  readonly written: () => 1 | 2;
  /** The job as committed, live or finished. */
  readonly find: (tenant: TenantId, id: JobId) => Promise<FindReply>;
  /** A job is staged: it may start. */
  readonly staged: () => void;
}

export class Submissions {
  private readonly options: SubmissionsOptions;

  constructor(options: SubmissionsOptions) {
    this.options = options;
  }

  /** Accepts a job, or says why not. Resolves after the commit (B1). */
  submit(envelope: JobEnvelope): Promise<SubmitReply> {
    return new Promise((resolve) => this.take(envelope, resolve));
  }

  /** The same for many, in the same order, once all are answered. A promise for each would cost as much as accepting it. */
  submitAll(envelopes: readonly JobEnvelope[]): Promise<readonly SubmitReply[]> {
    return new Promise((resolve) => {
      const replies: SubmitReply[] = [];
      let open = envelopes.length;
      if (open === 0) resolve(replies);
      for (const [place, envelope] of envelopes.entries())
        this.take(envelope, (reply) => {
          replies[place] = reply;
          open -= 1;
          if (open === 0) resolve(replies);
        });
    });
  }

  private take(envelope: JobEnvelope, settle: Settle): void {
    const why = this.whyNot(envelope);
    if (why !== undefined) settle({ kind: 'refused', why });
    else if (envelope.extras?.idempotency === undefined) this.settleFresh(envelope, settle);
    else
      void this.options.keys.inTurn(envelope, (verdict) => {
        // The reign may have ended, or the queue filled up, while the key was looked up.
        const late = verdict.kind === 'fresh' ? this.whyNot(envelope) : undefined;
        if (late !== undefined) settle({ kind: 'refused', why: late });
        else this.settleKey(envelope, verdict, settle);
      });
  }

  private whyNot(envelope: JobEnvelope): NotTaken['why'] | undefined {
    const { written, intake, commits, fold } = this.options;
    const refused = intake.check(commits.pipeline, fold.state.queued);
    if (refused === 'no_leader') return refused;
    return written() === 1 && !fitsV1(envelope) ? 'upgrading' : refused;
  }

  private settleKey(envelope: JobEnvelope, verdict: KeyVerdict, settle: Settle): void {
    switch (verdict.kind) {
      case 'fresh':
        this.settleFresh(envelope, settle);
        return;
      case 'live':
        this.replayLive(verdict.record, settle);
        return;
      case 'ended':
        void this.replayEnded(envelope.tenant, verdict.id).then(settle);
        return;
      case 'conflict':
        settle({ kind: 'refused', why: 'idempotency_conflict' });
        return;
      case 'unsure':
        settle({ kind: 'refused', why: 'index_rebuilding' });
    }
  }

  /** Nobody submitted it before by its key; but a call may arrive twice, and the second one finds its own job. */
  private settleFresh(envelope: JobEnvelope, settle: Settle): void {
    const { fold, quotas } = this.options;
    const record = fold.state.jobs.get(envelope.id);
    const ended = record === undefined ? fold.feed.recent(envelope.id) : undefined;
    if (record !== undefined) return this.replayLive(record, settle);
    if (ended !== undefined) return settle({ kind: 'replayed', job: ended });
    const admission = quotas.admit(envelope);
    if (admission.kind === 'refused') settle(admission);
    else this.accept(envelope, admission.rate, settle);
  }

  private accept(envelope: JobEnvelope, rate: RateLeft | undefined, settle: Settle): void {
    const { intake, commits, staged } = this.options;
    const job = this.storedJob(envelope);
    const heard: Settle =
      rate === undefined ? settle : (reply) => settle(reply.kind === 'accepted' ? { ...reply, rate } : reply);
    intake.wait(envelope.id, heard, (stored) => {
      commits.commit({ kind: 'accepted', job }, (record) => stored(shownOf(record)));
      staged();
    });
  }

  private storedJob(envelope: JobEnvelope): StoredJob {
    const { id, tenant, tool, toolVersion, decision, timeoutMs, maxAttempts, extras, payload } = envelope;
    const { fold, clock } = this.options;
    const shared = { tenant, tool, toolVersion, class: envelope.class, decision };
    const template = fold.state.intern(shared);
    return { id, template, timeoutMs, maxAttempts, acceptedAtMs: clock.wallMs(), extras, payload };
  }

  /** A job that was submitted before and may not even be committed yet. */
  private replayLive(record: JobRecord, settle: Settle): void {
    const now = snapshotOf(record);
    if (now !== undefined) return settle({ kind: 'replayed', job: now });
    const { fold, clock } = this.options;
    const end = (reply: SubmitReply): void => {
      unlisten();
      stopWaiting();
      settle(reply);
    };
    const unlisten = fold.feed.listen(record.id, (job) => end({ kind: 'replayed', job }));
    const stopWaiting = clock.after(ACCEPT_WAIT_MS, () => end({ kind: 'unknown', id: record.id }));
  }

  private async replayEnded(tenant: TenantId, id: JobId): Promise<SubmitReply> {
    const found = await this.options.find(tenant, id);
    return found.kind === 'found'
      ? { kind: 'replayed', job: found.job }
      : { kind: 'refused', why: 'index_rebuilding' };
  }
}
