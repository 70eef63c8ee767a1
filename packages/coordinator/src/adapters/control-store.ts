/**
 * The control store: a key-value bucket over NATS, read to its end at the start and followed from there.
 *
 * S1  A write is acknowledged when it is stored and, unless that takes too long, when it has come back to this process: who
 *     writes and then reads at the same coordinator sees what was written.
 * S2  A change of a record that somebody else changed meanwhile is refused (`conflict`), never merged.
 */
import { jetstream, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { encodeJson, type ShardNames } from '@zerofleet/protocol';
import { pause, type Clock, type Logger, type NatsConnection } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { ControlWriter, Written } from '../controls/writer.js';
import { followStream, readStream, type Take } from './streams.js';

/** JetStream's error code for an expected revision that is not the last one. */
const WRONG_LAST = 10_071;
/** Pause before a follow that broke is taken up again, in ms. */
const FOLLOW_RETRY_MS = 250;
/** A writer waits so long for its own write to come back, in ms. */
const OWN_WRITE_MS = 1_000;
/** Operations that end a record, as NATS marks them. */
const ENDS: ReadonlySet<string> = new Set(['DEL', 'PURGE']);

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
  private readonly kv: KV;
  private readonly stream: string;
  private readonly prefix: string;
  private stopFollowing: () => void = () => undefined;
  private closed = false;
  private readonly arrivals = new Set<() => void>();

  private constructor(options: ControlStoreOptions, kv: KV) {
    this.options = options;
    this.kv = kv;
    this.stream = `KV_${options.names.controls}`;
    this.prefix = `$KV.${options.names.controls}.`;
  }

  /** Makes the bucket, reads it whole and follows it. Throws on broken IO. */
  static async open(options: ControlStoreOptions): Promise<ControlStore> {
    const { connection, names, settings } = options;
    const kv = await new Kvm(connection).create(names.controls, {
      history: 1,
      replicas: settings.replicas,
      max_bytes: settings.controlsMaxBytes,
    });
    const store = new ControlStore(options, kv);
    await readStream(jetstream(connection), options.manager, store.stream, 1, store.take);
    await store.follow();
    return store;
  }

  close(): void {
    this.closed = true;
    this.stopFollowing();
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

  private async write(store: () => Promise<number>): Promise<Written> {
    try {
      await this.arrival(await store());
      return 'written';
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST) return 'conflict';
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

  private readonly take: Take = (message) => {
    const operation = message.headers?.get('KV-Operation') ?? '';
    const key = message.subject.slice(this.prefix.length);
    this.options.controls.apply(key, ENDS.has(operation) ? null : message.data, message.seq);
    for (const arrived of this.arrivals) arrived();
  };

  private async follow(): Promise<void> {
    const { connection, controls, clock, log } = this.options;
    while (!this.closed) {
      try {
        this.stopFollowing = await followStream(
          jetstream(connection),
          this.stream,
          controls.revision + 1,
          this.take,
          (reason) => {
            log.warn({ reason }, 'control_follow_broken');
            clock.after(FOLLOW_RETRY_MS, () => void this.follow());
          },
        );
        if (this.closed) this.stopFollowing();
        return;
      } catch (error) {
        log.warn({ reason: String(error) }, 'control_follow_broken');
        await pause(clock, FOLLOW_RETRY_MS, new AbortController().signal);
      }
    }
  }
}
