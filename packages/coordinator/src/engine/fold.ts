/**
 * The warm fold of a shard, as a replica keeps it whether it leads or stands by: state, queue, what tenants use, and what
 * listeners hear.
 */
import type { JobExtras, JobState, JobTemplate, ToolDefinition, ToolName } from '@zerofleet/model';
import type { Commit, UsagePage } from '@zerofleet/protocol';
import type { Need } from '@zerofleet/scheduler';
import type { ControlChange, Controls } from '../controls/controls.js';
import { Departures } from './departures.js';
import type { JobFeed } from './job-feed.js';
import { JobQueue, ranMs } from './job-queue.js';
import { snapshotOf, type JobRecord } from './job-record.js';
import type { PayloadStore } from './payloads.js';
import { Policies } from './policies.js';
import { ScheduleRuns } from './schedule-runs.js';
import { ShardState, type FoldListener, type Pages } from './shard-state.js';
import { UsageBook } from './usage-book.js';

export interface FoldOptions {
  readonly tools: ReadonlyMap<ToolName, ToolDefinition>;
  readonly payloads: PayloadStore;
  /** Outlives the fold: listeners of a replica hear of the next leader's commits too. */
  readonly feed: JobFeed;
  readonly controls: Controls;
  /** How long outcomes are kept, in ms. */
  readonly keptMs: number;
}

export class Fold implements FoldListener {
  readonly queue: JobQueue;
  readonly state: ShardState;
  readonly feed: JobFeed;
  readonly payloads: PayloadStore;
  readonly usage: UsageBook;
  readonly departures = new Departures();
  readonly policies: Policies;
  readonly runs = new ScheduleRuns();

  constructor({ tools, payloads, feed, controls, keptMs }: FoldOptions) {
    this.queue = new JobQueue(tools);
    this.usage = new UsageBook(keptMs);
    this.policies = new Policies(controls, this.queue.ready, this.usage);
    this.state = new ShardState(this);
    this.payloads = payloads;
    this.feed = feed;
  }

  needOf(template: JobTemplate, extras: JobExtras | null): Need {
    return this.queue.needOf(template, extras);
  }

  changed(record: JobRecord, before: JobState | null, atMs: number, first: boolean, seq: number): void {
    const { tenant } = record.template;
    const ran = ranMs(before, record.state, atMs);
    if (before === null) this.policies.know(tenant, atMs);
    this.usage.changed(record, before, seq, atMs, ran);
    this.queue.changed(record, before, atMs, first, ran);
    this.policies.stored(tenant);
    this.runs.changed(record, before);
    if (before?.kind === 'queued' && record.state.kind !== 'queued') this.departures.note(tenant, atMs);
  }

  /** What leaders noted of what tenants use; to be told before any commit. */
  seed(pages: readonly UsagePage[]): void {
    this.usage.seed(pages);
  }

  /** The ledger was read: what it says no more, the notes do (UsageBook, G2). */
  settleUsage(wallMs: number): void {
    for (const tenant of this.usage.tenants())
      if (this.policies.isLimited(tenant)) this.policies.countUsed(tenant, wallMs);
    this.policies.storedOfAll();
  }

  /** Operators or tenants set something. */
  controlsChanged(change: ControlChange, wallMs: number): void {
    this.policies.changed(change, wallMs);
  }

  /** Pages in which `commit` parks a job that is not in here: they must be read first. */
  neededPages(commit: Commit): readonly number[] {
    const pages: number[] = [];
    for (const event of commit.events)
      if (event.kind === 'parked' && event.ids.some((id) => !this.state.jobs.has(id))) pages.push(event.page);
    return pages;
  }

  /** Applies a committed message that somebody else appended. */
  replay(commit: Commit, seq: number, pages: Pages): void {
    this.state.replay(commit, seq, pages, (record, event) => {
      if (event.kind === 'accepted' || event.kind === 'carried') this.payloads.settle(this.state, record);
      if (event.kind === 'carried' || !this.feed.wants(record.id, record.state)) return;
      const snapshot = snapshotOf(record);
      if (snapshot !== undefined) this.feed.publish(snapshot);
    });
  }
}
