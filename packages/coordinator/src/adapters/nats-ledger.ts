/**
 * The ledger on a JetStream stream: fenced appends, ordered reads, following, purge.
 *
 * G1  An append ends within APPEND_TIMEOUT_MS, whatever the server does, and is never repeated here: only the
 *     pipeline knows whether a repeat is safe.
 * G2  What a read or a follower takes has no holes, except before its first message: a fold that missed a commit is wrong.
 * G3  A single message is asked of the stream's leader: a replica that lags would call it purged.
 */
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import type { AppendResult, Fence, LedgerPort, TakeMessage } from '../engine/ports.js';
import { followStream, readStream, type Take } from './streams.js';

const APPEND_TIMEOUT_MS = 2_000;
/** JetStream's error codes for a tail that is not the expected one, by sequence and by id. */
const WRONG_TAIL: readonly number[] = [10_071, 10_070];

export class NatsLedger implements LedgerPort {
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly looks: JetStreamManager;
  private readonly names: ShardNames;

  /** `looks` gives up sooner: a question that was lost with a server is asked again by whoever asked. */
  constructor(
    connection: NatsConnection,
    { manager, looks }: { readonly manager: JetStreamManager; readonly looks: JetStreamManager },
    names: ShardNames,
  ) {
    this.client = jetstream(connection, { timeout: APPEND_TIMEOUT_MS });
    this.manager = manager;
    this.looks = looks;
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

  read(fromSeq: number, take: TakeMessage): Promise<number> {
    return readStream(this.client, this.looks, this.names.ledgerStream, fromSeq, unbroken(0, take));
  }

  /** From 1 on means from the first that is stored: whoever follows from there has seen nothing yet. */
  async follow(fromSeq: number, take: TakeMessage, broken: (reason: string) => void): Promise<() => void> {
    const { ledgerStream } = this.names;
    const { state } = await this.looks.streams.info(ledgerStream);
    if (fromSeq > state.last_seq + 1) throw new Error(`the ledger ends at ${state.last_seq}`);
    return followStream(
      this.client,
      ledgerStream,
      fromSeq,
      unbroken(fromSeq > 1 ? fromSeq : 0, take),
      broken,
    );
  }

  async get(seq: number): Promise<Uint8Array | undefined> {
    const message = await this.looks.streams.getMessage(this.names.ledgerStream, { seq });
    return message?.data;
  }

  async purge(seq: number): Promise<void> {
    await this.manager.streams.purge(this.names.ledgerStream, { seq });
  }

  async usage(): Promise<{ bytes: number; maxBytes: number; lastSeq: number }> {
    const { state, config } = await this.looks.streams.info(this.names.ledgerStream);
    return { bytes: state.bytes, maxBytes: config.max_bytes, lastSeq: state.last_seq };
  }
}

/** `take`, which throws at a hole (G2). `next` is the sequence that must come first; 0: any may. */
const unbroken = (next: number, take: TakeMessage): Take => {
  let expected = next;
  return ({ seq, data }) => {
    if (expected !== 0 && seq !== expected)
      throw new Error(`the ledger goes on at ${seq} where ${expected} was expected: it was purged`);
    expected = seq + 1;
    return take(seq, data);
  };
};
