/**
 * Pages of jobs due far ahead, on a stream with one subject for each day they are due.
 *
 * A store that fails may have stored its page all the same: whoever repeats it drops what nobody names, by `list`.
 */
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import type { TimerPort } from '../engine/ports.js';
import { readStream } from './streams.js';

const PUBLISH_TIMEOUT_MS = 5_000;
const DAY_MS = 86_400_000;
/** JetStream's error codes for a message that is not there, by what removed it. */
const NOT_THERE: readonly number[] = [10_037, 10_043, 10_057];

export class NatsTimers implements TimerPort {
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly names: ShardNames;

  constructor(connection: NatsConnection, manager: JetStreamManager, names: ShardNames) {
    this.client = jetstream(connection, { timeout: PUBLISH_TIMEOUT_MS });
    this.manager = manager;
    this.names = names;
  }

  async store(bytes: Uint8Array, dueAtMs: number): Promise<number> {
    const subject = this.names.timers(Math.floor(dueAtMs / DAY_MS));
    const ack = await this.client.publish(subject, bytes, { timeout: PUBLISH_TIMEOUT_MS, retries: 0 });
    return ack.seq;
  }

  async get(page: number): Promise<Uint8Array | undefined> {
    const message = await this.manager.streams.getMessage(this.names.timersStream, { seq: page });
    return message?.data;
  }

  async drop(page: number): Promise<void> {
    try {
      await this.manager.streams.deleteMessage(this.names.timersStream, page, false);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || !NOT_THERE.includes(error.code)) throw error;
    }
  }

  async list(): Promise<readonly number[]> {
    const pages: number[] = [];
    const { timersStream } = this.names;
    await readStream(this.client, this.manager, timersStream, 1, ({ seq }) => void pages.push(seq), {
      headers_only: true,
    });
    return pages;
  }
}
