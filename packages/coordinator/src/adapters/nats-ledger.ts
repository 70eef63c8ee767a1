/**
 * The ledger on a JetStream stream: fenced appends, ordered reads, purge.
 *
 * G1  An append ends within APPEND_TIMEOUT_MS, whatever the server does, and is never repeated here: only the
 *     pipeline knows whether a repeat is safe.
 */
import {
  DeliverPolicy,
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import type { AppendResult, Fence, LedgerPort } from '../engine/ports.js';

const APPEND_TIMEOUT_MS = 4_000;
/** A read that gets no message for so long is broken. */
const READ_STALL_MS = 10_000;
/** JetStream's error codes for a tail that is not the expected one, by sequence and by id. */
const WRONG_TAIL: readonly number[] = [10_071, 10_070];
/** Messages that a read asks for ahead. */
const READ_AHEAD = 256;

export class NatsLedger implements LedgerPort {
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly names: ShardNames;

  constructor(connection: NatsConnection, manager: JetStreamManager, names: ShardNames) {
    this.client = jetstream(connection, { timeout: APPEND_TIMEOUT_MS });
    this.manager = manager;
    this.names = names;
  }

  async append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult> {
    try {
      const ack = await this.client.publish(this.names.ledgerSubject, bytes, {
        timeout: APPEND_TIMEOUT_MS,
        retries: 0,
        msgID: id,
        expect: {
          streamName: this.names.ledgerStream,
          lastSequence: fence.lastSeq,
          ...(fence.lastId === null ? {} : { lastMsgID: fence.lastId }),
        },
      });
      return { kind: 'stored', seq: ack.seq };
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_TAIL.includes(error.code)) return { kind: 'refused' };
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async read(fromSeq: number, take: (seq: number, bytes: Uint8Array) => void): Promise<number> {
    const { state } = await this.manager.streams.info(this.names.ledgerStream);
    const last = state.last_seq;
    if (last < fromSeq || state.messages === 0) return last;
    const consumer = await this.client.consumers.get(this.names.ledgerStream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(fromSeq, 1),
    });
    const messages = await consumer.consume({ max_messages: READ_AHEAD });
    let stalled = false;
    const giveUp = (): void => {
      stalled = true;
      messages.stop();
    };
    let watchdog = setTimeout(giveUp, READ_STALL_MS);
    try {
      for await (const message of messages) {
        clearTimeout(watchdog);
        watchdog = setTimeout(giveUp, READ_STALL_MS);
        take(message.seq, message.data);
        if (message.seq >= last) break;
      }
    } finally {
      clearTimeout(watchdog);
      messages.stop();
    }
    if (stalled) throw new Error(`the ledger sent nothing for ${READ_STALL_MS} ms`);
    return last;
  }

  async purge(seq: number): Promise<void> {
    await this.manager.streams.purge(this.names.ledgerStream, { seq });
  }

  async usage(): Promise<{ bytes: number; maxBytes: number }> {
    const { state, config } = await this.manager.streams.info(this.names.ledgerStream);
    return { bytes: state.bytes, maxBytes: config.max_bytes };
  }
}
