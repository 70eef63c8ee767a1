/**
 * A key-value bucket over NATS that this process follows whole: read to its end at the start, and followed from there on.
 *
 * F1  Every change is heard once, in the bucket's order, also over connections that break: what was heard is asked of whoever
 *     keeps it (`revision`), so nothing is between the two.
 */
import { jetstream, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV, type KvOptions } from '@nats-io/kv';
import { pause, type Clock, type Logger, type NatsConnection } from '@zerofleet/runtime';
import { followStream, readStream, type Take } from './streams.js';

/** Pause before a follow that broke is taken up again, in ms. */
const FOLLOW_RETRY_MS = 250;
/** Operations that end a record, as NATS marks them. */
const ENDS: ReadonlySet<string> = new Set(['DEL', 'PURGE']);

export interface FollowedBucketOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** The bucket, which is made where it is not there, with `settings`. */
  readonly bucket: string;
  readonly settings: Partial<KvOptions>;
  /** Hears of each record; null: it ended. */
  readonly onRecord: (key: string, bytes: Uint8Array | null, revision: number) => void;
  /** The last revision that was heard of. */
  readonly revision: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FollowedBucket {
  readonly kv: KV;
  private readonly options: FollowedBucketOptions;
  private readonly stream: string;
  private readonly prefix: string;
  private readonly closing = new AbortController();
  private stopFollowing: () => void = () => undefined;

  private constructor(options: FollowedBucketOptions, kv: KV) {
    this.options = options;
    this.kv = kv;
    this.stream = `KV_${options.bucket}`;
    this.prefix = `$KV.${options.bucket}.`;
  }

  /** Makes the bucket, reads it whole and follows it. Throws on broken IO. */
  static async open(options: FollowedBucketOptions): Promise<FollowedBucket> {
    const { connection, manager, bucket, settings } = options;
    const followed = new FollowedBucket(options, await new Kvm(connection).create(bucket, settings));
    await readStream(jetstream(connection), manager, followed.stream, 1, followed.take);
    await followed.follow();
    return followed;
  }

  close(): void {
    this.closing.abort();
    this.stopFollowing();
  }

  private readonly take: Take = (message) => {
    const hasEnded = ENDS.has(message.headers?.get('KV-Operation') ?? '');
    const key = message.subject.slice(this.prefix.length);
    this.options.onRecord(key, hasEnded ? null : message.data, message.seq);
  };

  private async follow(): Promise<void> {
    const { connection, bucket, clock, log, revision } = this.options;
    const { signal } = this.closing;
    const broken = (reason: string): void => {
      log.warn({ bucket, reason }, 'bucket_follow_broken');
      clock.after(FOLLOW_RETRY_MS, () => void this.follow());
    };
    while (!signal.aborted) {
      try {
        const js = jetstream(connection);
        this.stopFollowing = await followStream(js, this.stream, revision() + 1, this.take, broken);
        if (signal.aborted) this.stopFollowing();
        return;
      } catch (error) {
        log.warn({ bucket, reason: String(error) }, 'bucket_follow_broken');
        await pause(clock, FOLLOW_RETRY_MS, signal);
      }
    }
  }
}
