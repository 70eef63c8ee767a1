/** The warm fold of a shard, as a replica keeps it whether it leads or stands by: state, queue, and what listeners hear. */
import type { ToolDefinition, ToolName } from '@zerofleet/model';
import type { Commit } from '@zerofleet/protocol';
import type { JobFeed } from './job-feed.js';
import { JobQueue } from './job-queue.js';
import { snapshotOf } from './job-record.js';
import type { PayloadStore } from './payloads.js';
import { ShardState, type Pages } from './shard-state.js';

export class Fold {
  readonly queue: JobQueue;
  readonly state: ShardState;
  readonly feed: JobFeed;
  readonly payloads: PayloadStore;

  /** `feed` outlives the fold: listeners of a replica hear of the next leader's commits too. */
  constructor(tools: ReadonlyMap<ToolName, ToolDefinition>, payloads: PayloadStore, feed: JobFeed) {
    this.queue = new JobQueue(tools);
    this.state = new ShardState(this.queue);
    this.payloads = payloads;
    this.feed = feed;
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
