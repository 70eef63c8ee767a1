/**
 * The control store: a key-value bucket over NATS, read to its end at the start and followed from there.
 *
 * S1  A write is acknowledged when it is stored and, unless that takes too long, when it has come back to this process: who
 *     writes and then reads at the same coordinator sees what was written.
 * S2  A change of a record that somebody else changed meanwhile is refused (`conflict`), never merged.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { encodeJson, type ShardNames } from '@zerofleet/protocol';
import { isConflict, type Clock, type Logger, type NatsConnection } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { ControlWriter, Written } from '../controls/writer.js';
import { FollowedBucket } from './followed-bucket.js';

/** A writer waits so long for its own write to come back, in ms. */
const OWN_WRITE_MS = 1_000;

export interface ControlStoreOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: ShardNames;
  readonly settings: { readonly replicas: number; readonly controlsMaxBytes: number };
  readonly controls: Controls;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ControlStore implements ControlWriter {
  private readonly options: ControlStoreOptions;
  private readonly bucket: FollowedBucket;
  /** Those that wait for a write of their own to come back. */
  private readonly arrivals: Set<() => void>;

  private constructor(options: ControlStoreOptions, bucket: FollowedBucket, arrivals: Set<() => void>) {
    this.options = options;
    this.bucket = bucket;
    this.arrivals = arrivals;
  }

  /** Makes the bucket, reads it whole and follows it. Throws on broken IO. */
  static async open(options: ControlStoreOptions): Promise<ControlStore> {
    const { connection, manager, names, settings, controls, clock, log } = options;
    const arrivals = new Set<() => void>();
    const bucket = await FollowedBucket.open({
      ...{ connection, manager, clock, log },
      bucket: names.controls,
      settings: { history: 1, replicas: settings.replicas, max_bytes: settings.controlsMaxBytes },
      onRecord: (key, bytes, revision) => {
        controls.apply(key, bytes, revision);
        for (const arrived of arrivals) arrived();
      },
      revision: () => controls.revision,
    });
    return new ControlStore(options, bucket, arrivals);
  }

  close(): void {
    this.bucket.close();
  }

  async put(key: string, record: object): Promise<Written> {
    return this.write(() => this.kv.put(key, encodeJson(record)));
  }

  async change(key: string, record: object, revision: number | null): Promise<Written> {
    const bytes = encodeJson(record);
    return this.write(() =>
      revision === null ? this.kv.create(key, bytes) : this.kv.update(key, bytes, revision),
    );
  }

  async remove(key: string): Promise<Written> {
    return this.write(async () => {
      await this.kv.purge(key);
      return (await this.kv.get(key))?.revision ?? 0;
    });
  }

  async get(key: string): Promise<{ readonly revision: number; readonly bytes: Uint8Array } | undefined> {
    const entry = await this.kv.get(key);
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { revision: entry.revision, bytes: entry.value };
  }

  private get kv(): KV {
    return this.bucket.kv;
  }

  private async write(store: () => Promise<number>): Promise<Written> {
    try {
      await this.arrival(await store());
      return 'written';
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      this.options.log.warn({ error: String(error) }, 'control_write_failed');
      return 'unavailable';
    }
  }

  /** S1. */
  private arrival(revision: number): Promise<void> {
    const { controls, clock } = this.options;
    return new Promise((resolve) => {
      const look = (): void => {
        if (controls.revision < revision) return;
        this.arrivals.delete(look);
        stopWaiting();
        resolve();
      };
      const stopWaiting = clock.after(OWN_WRITE_MS, () => {
        this.arrivals.delete(look);
        resolve();
      });
      this.arrivals.add(look);
      look();
    });
  }
}
