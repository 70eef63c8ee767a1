/**
 * Live output of running attempts, as workers publish it: subscribed to once a job, however many read it. A subscription a
 * reader would bring all of a flood as often as there are readers, ahead of everything else on the connection.
 */
import type { JobId } from '@zerofleet/model';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

type Take = (data: Uint8Array) => void;

interface Feed {
  readonly takers: Set<Take>;
  readonly end: () => void;
}

export class OutputFeeds {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private readonly feeds = new Map<JobId, Feed>();

  constructor(connection: NatsConnection, names: ShardNames) {
    this.connection = connection;
    this.names = names;
  }

  /** Tells `take` of each message of the job's output from now on. Returns what ends that. */
  listen(job: JobId, take: Take): () => void {
    const feed = this.feeds.get(job) ?? this.open(job);
    feed.takers.add(take);
    return () => {
      if (!feed.takers.delete(take) || feed.takers.size > 0) return;
      this.feeds.delete(job);
      feed.end();
    };
  }

  private open(job: JobId): Feed {
    const takers = new Set<Take>();
    const subscription = this.connection.subscribe(this.names.output(job), {
      callback: (error, { data }) => {
        if (error === null) for (const take of takers) take(data);
      },
    });
    const feed = { takers, end: () => subscription.unsubscribe() };
    this.feeds.set(job, feed);
    return feed;
  }
}
