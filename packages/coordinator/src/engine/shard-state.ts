/**
 * The state of a shard: the fold of its ledger. Pure; the same in production, replay and simulation.
 *
 * T1  `apply` is the only way in. The leader applies an event when it stages it, a replay when it reads it.
 * T2  Events of a job that is not in the state are those of a job whose acceptance was purged: it had finished and been
 *     projected, so they change nothing (fold law). A finished job is forgotten once its outcome is known as projected.
 * T3  `homes` counts, for each ledger message, what of it is still needed: the ledger is kept from the first on. A job that
 *     was carried or parked is needed where it stands now, and nowhere else.
 */
import {
  COMMIT_EVENTS_MAX,
  firstState,
  transitionJob,
  type Decision,
  type JobEvent,
  type JobId,
  type JobState,
  type JobExtras,
  type JobTemplate,
  type StoredJob,
  type TenantId,
} from '@zerofleet/model';
import {
  LEDGER_FORMAT,
  type Commit,
  type LedgerEvent,
  type LedgerFormat,
  type ParkedJob,
} from '@zerofleet/protocol';
import type { Need } from '@zerofleet/scheduler';
import { JobRecord } from './job-record.js';

interface Counts {
  queued: number;
  running: number;
}

/** Jobs of the pages that a commit parks unknown jobs in, by page. */
export type Pages = ReadonlyMap<number, readonly ParkedJob[]>;
export const NO_PAGES: Pages = new Map();

/** A page of the timer stream that still holds live jobs. */
interface Page {
  /** Ledger sequence of the newest `parked` that names it. */
  seq: number;
  live: number;
}

/** What a fold tells whoever keeps an index of it. */
export interface FoldListener {
  /** What a job of this template, with these extras, needs of a worker. */
  needOf(template: JobTemplate, extras: JobExtras | null): Need;
  /**
   * The job is new (`before` is null), or its state changed, by the ledger's message `seq`; `first`: it goes in front of what
   * waits.
   */
  changed(record: JobRecord, before: JobState | null, atMs: number, first: boolean, seq: number): void;
}

/** Templates that are shared by identity; more than that are simply not shared. */
const TEMPLATES_MAX = 100_000;
/** Empty pages that are remembered; what is forgotten here is found again when a reign begins. */
const EMPTIED_MAX = 10_000;

export class ShardState {
  epoch = 0;
  /** Inline payloads held in memory. */
  payloadBytes = 0;
  /** Bytes of the ledger that hold live jobs, roughly. */
  liveBytes = 0;
  /** Every outcome in commits up to this sequence is projected. */
  projected = 0;
  readonly jobs = new Map<JobId, JobRecord>();
  readonly pages = new Map<number, Page>();
  /** Jobs that finished and are not known as projected, by the sequence of their end. */
  readonly ended = new Map<number, JobId[]>();
  /** Pages that hold no live job any more, by what is committed; whoever leads takes and drops them. */
  emptied: number[] = [];
  /** The newest format that the leader of this epoch is known to read: its `elected` says it, and may be purged. */
  leaderFormat: LedgerFormat = LEDGER_FORMAT;
  /** How many live jobs name each blob. */
  private readonly blobs = new Map<string, number>();
  private readonly homes = new Map<number, number>();
  private readonly keys = new Map<string, JobRecord>();
  private readonly counts = new Map<TenantId, Counts>();
  private readonly total: Counts = { queued: 0, running: 0 };
  private readonly templates = new Map<string, JobTemplate>();
  /** The shared ones of late, by the object that stood in an event: a commit names the same one many times. */
  private readonly sharedOf = new Map<JobTemplate, JobTemplate>();
  /** The same by the decision in it: jobs of one message share that. */
  private readonly internedFor = new Map<Decision, JobTemplate>();
  private readonly listener: FoldListener;

  constructor(listener: FoldListener) {
    this.listener = listener;
  }

  get queued(): number {
    return this.total.queued;
  }

  get running(): number {
    return this.total.running;
  }

  countsOf(tenant: TenantId): Readonly<Counts> {
    return this.counts.get(tenant) ?? { queued: 0, running: 0 };
  }

  /** The live job that a tenant submitted with this key. */
  withKey(tenant: TenantId, key: string): JobRecord | undefined {
    return this.keys.get(`${tenant} ${key}`);
  }

  /** Whether a live job names this blob. */
  needsBlob(sha256: string): boolean {
    return this.blobs.has(sha256);
  }

  /** The sequence from which on the ledger must be kept; `tail` when nothing is live. */
  oldestNeeded(tail: number): number {
    const [first] = this.homes.keys();
    return first ?? tail;
  }

  /** Applies one committed message; `touched` hears of each job with the event that changed it. */
  replay(
    commit: Commit,
    seq: number,
    pages: Pages,
    touched: (record: JobRecord, event: LedgerEvent) => void = () => undefined,
  ): void {
    if (commit.epoch !== this.epoch || commit.v > this.leaderFormat) this.leaderFormat = commit.v;
    for (const event of commit.events) {
      const record = this.apply(event, seq, commit.atMs, commit.epoch, pages);
      if (record === undefined) continue;
      record.shown = record.state;
      touched(record, event);
    }
    this.epoch = commit.epoch;
    this.forgetThrough(commit.projected);
  }

  /** Applies one event (T1); returns the record of the job that it changed. Throws IllegalTransition. */
  apply(
    event: LedgerEvent,
    seq: number,
    atMs: number,
    epoch: number,
    pages: Pages = NO_PAGES,
  ): JobRecord | undefined {
    switch (event.kind) {
      case 'elected':
        this.epoch = event.epoch;
        this.leaderFormat = event.format;
        return undefined;
      case 'accepted':
        return this.add(event.job, seq, firstState(event.job.extras), atMs, seq);
      case 'carried':
        return this.carry(event.job, event.state, seq, atMs);
      case 'parked':
        this.park(event, seq, atMs, pages.get(event.page) ?? []);
        return undefined;
      case 'started': {
        const { attempt, worker, boot } = event;
        const assignment = { attempt, epoch, worker, boot };
        return this.step(event.id, { kind: 'started', assignment, atMs }, atMs, seq);
      }
      case 'finished': {
        const { attempt, outcome } = event;
        const record = this.step(event.id, { kind: 'finished', attempt, outcome, atMs }, atMs, seq);
        if (record !== undefined) push(this.ended, seq, record.id);
        return record;
      }
      case 'cancel_requested':
        return this.step(event.id, { kind: 'cancel_requested' }, atMs, seq);
      case 'requeued': {
        const { attempt, reason, dueAtMs } = event;
        const requeued = { kind: 'requeued', attempt, reason, dueAtMs } as const;
        return this.step(event.id, requeued, atMs, seq, reason !== 'retry');
      }
    }
  }

  /** Every outcome in commits up to `seq` is projected: those jobs are forgotten. */
  forgetThrough(seq: number): void {
    if (seq <= this.projected) return;
    this.projected = seq;
    for (const [endedAt, ids] of this.ended) {
      if (endedAt > seq) return;
      this.ended.delete(endedAt);
      for (const id of ids) this.forget(id);
    }
  }

  /** The payload stands at its home; it is not needed in memory. */
  spill(record: JobRecord): void {
    if (record.payload === null) return;
    record.payload = null;
    this.payloadBytes -= record.payloadBytes;
  }

  /** One object for all equal templates. */
  intern(template: JobTemplate): JobTemplate {
    const { decision } = template;
    const before = this.internedFor.get(decision);
    if (before !== undefined && isLike(before, template)) return before;
    if (this.internedFor.size >= COMMIT_EVENTS_MAX) this.internedFor.clear();
    const interned = this.internByValue(template);
    this.internedFor.set(decision, interned);
    return interned;
  }

  private internByValue(template: JobTemplate): JobTemplate {
    const { tenant, tool, toolVersion, decision } = template;
    const { release, adapter, mode, revision, reason } = decision;
    const key = [tenant, tool, toolVersion, template.class, release, adapter, mode, revision, reason].join(
      ' ',
    );
    const known = this.templates.get(key);
    if (known !== undefined) return known;
    if (this.templates.size >= TEMPLATES_MAX) this.templates.clear();
    this.templates.set(key, template);
    return template;
  }

  private add(job: StoredJob, home: number, state: JobState, atMs: number, seq: number): JobRecord {
    const template = this.sharedOf.get(job.template) ?? this.share(job.template);
    const record = new JobRecord(job, template, home, state, this.listener.needOf(template, job.extras));
    this.jobs.set(job.id, record);
    this.payloadBytes += record.payloadBytes;
    this.nameBlob(record, 1);
    this.settle(record, home);
    const { idempotency } = job.extras ?? {};
    if (idempotency !== undefined) this.keys.set(`${template.tenant} ${idempotency.key}`, record);
    this.count(template.tenant, state, 1);
    this.listener.changed(record, null, atMs, false, seq);
    return record;
  }

  private share(template: JobTemplate): JobTemplate {
    const shared = this.intern(template);
    if (this.sharedOf.size >= COMMIT_EVENTS_MAX) this.sharedOf.clear();
    this.sharedOf.set(template, shared);
    return shared;
  }

  private carry(job: StoredJob, state: JobState, seq: number, atMs: number): JobRecord {
    const record = this.jobs.get(job.id);
    if (record === undefined) return this.add(job, seq, state, atMs, seq);
    this.move(record, seq);
    return record;
  }

  private park(
    { page, ids }: Extract<LedgerEvent, { kind: 'parked' }>,
    seq: number,
    atMs: number,
    content: readonly ParkedJob[],
  ): void {
    const known = this.pages.get(page);
    if (known === undefined) this.pages.set(page, { seq, live: 0 });
    else {
      this.unneed(known.seq);
      known.seq = seq;
    }
    this.need(seq);
    const listed = new Set(ids);
    const absent = new Map(content.filter(({ job }) => listed.has(job.id)).map((one) => [one.job.id, one]));
    for (const id of ids) {
      const record = this.jobs.get(id);
      const parked = absent.get(id);
      if (record !== undefined) {
        if (record.home !== -page) this.move(record, -page);
      } else if (parked !== undefined) {
        const added = this.add(parked.job, -page, parked.state, atMs, seq);
        added.shown = added.state;
      }
    }
    this.dropIfEmpty(page);
  }

  private step(id: JobId, event: JobEvent, atMs: number, seq: number, first = false): JobRecord | undefined {
    const record = this.jobs.get(id);
    if (record === undefined) return undefined;
    const before = record.state;
    record.state = transitionJob(before, event);
    this.count(record.template.tenant, before, -1);
    this.count(record.template.tenant, record.state, 1);
    this.listener.changed(record, before, atMs, first, seq);
    return record;
  }

  private forget(id: JobId): void {
    const record = this.jobs.get(id);
    if (record === undefined) return;
    this.nameBlob(record, -1);
    this.spill(record);
    this.jobs.delete(id);
    this.leave(record);
    const { idempotency } = record.extras ?? {};
    if (idempotency !== undefined) this.keys.delete(`${record.template.tenant} ${idempotency.key}`);
  }

  /** A payload in a blob is never spilled, so its name is always at hand. */
  private nameBlob({ payload }: JobRecord, by: 1 | -1): void {
    if (payload?.kind !== 'blob') return;
    const { sha256 } = payload.blob;
    const named = (this.blobs.get(sha256) ?? 0) + by;
    if (named > 0) this.blobs.set(sha256, named);
    else this.blobs.delete(sha256);
  }

  private move(record: JobRecord, home: number): void {
    this.leave(record);
    record.home = home;
    this.settle(record, home);
  }

  private settle(record: JobRecord, home: number): void {
    if (home < 0) {
      const page = this.pages.get(-home);
      if (page !== undefined) page.live += 1;
      return;
    }
    this.need(home);
    this.liveBytes += record.storedBytes;
  }

  private leave(record: JobRecord): void {
    const { home } = record;
    if (home < 0) {
      const page = this.pages.get(-home);
      if (page === undefined) return;
      page.live -= 1;
      this.dropIfEmpty(-home);
      return;
    }
    this.unneed(home);
    this.liveBytes -= record.storedBytes;
  }

  private dropIfEmpty(page: number): void {
    const known = this.pages.get(page);
    if (known === undefined || known.live > 0) return;
    this.pages.delete(page);
    this.unneed(known.seq);
    this.emptied.push(page);
    if (this.emptied.length > EMPTIED_MAX) this.emptied.shift();
  }

  /** Keeps the ledger from `seq` on, whatever is applied later for it; to be called in the order of sequences. */
  need(seq: number): void {
    this.homes.set(seq, (this.homes.get(seq) ?? 0) + 1);
  }

  /** Takes back one `need`. */
  unneed(seq: number): void {
    const left = (this.homes.get(seq) ?? 0) - 1;
    if (left > 0) this.homes.set(seq, left);
    else this.homes.delete(seq);
  }

  private count(tenant: TenantId, state: JobState, by: 1 | -1): void {
    if (state.kind === 'finished') return;
    const counts = this.counts.get(tenant) ?? { queued: 0, running: 0 };
    counts[state.kind] += by;
    this.total[state.kind] += by;
    if (counts.queued === 0 && counts.running === 0) this.counts.delete(tenant);
    else this.counts.set(tenant, counts);
  }
}

/** Whether they are equal but for the decision. */
const isLike = (one: JobTemplate, other: JobTemplate): boolean =>
  one.tenant === other.tenant &&
  one.tool === other.tool &&
  one.toolVersion === other.toolVersion &&
  one.class === other.class;

const push = <K, V>(map: Map<K, V[]>, key: K, value: V): void => {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
};
