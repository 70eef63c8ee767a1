import { describe, expect, it } from 'vitest';
import type { JobId, OutputChunk, ShardId, WorkerId } from '@zerofleet/model';
import { chunkOf, encodeJson, MESSAGES_VERSION, shardNames, type SpoolRequest } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import { OutputFeeds } from './output-feeds.js';
import { OutputTail } from './output-tail.js';

const JOB = '0192f3a0-0000-7000-8000-000000000001' as JobId;
const CHUNK_BYTES = 60_000;

/** A worker with a spool, and the connection to it. */
class Floods {
  readonly chunks: OutputChunk[] = [];
  readonly subscriptions = new Set<(error: null, message: { data: Uint8Array }) => void>();
  asked = 0;

  get connection(): NatsConnection {
    const subscribe = (_: string, { callback }: { callback: (error: null, message: object) => void }) => {
      this.subscriptions.add(callback);
      return { unsubscribe: () => this.subscriptions.delete(callback) };
    };
    const request = (_: string, bytes: Uint8Array): Promise<{ data: Uint8Array }> => {
      this.asked += 1;
      const { offset } = JSON.parse(Buffer.from(bytes).toString()) as SpoolRequest;
      const rest = this.chunks.filter((chunk) => chunk.offset >= offset);
      const reply = { v: MESSAGES_VERSION, known: true, chunks: rest.slice(0, 4), more: rest.length > 4 };
      return Promise.resolve({ data: encodeJson(reply) });
    };
    return { subscribe, request } as unknown as NatsConnection;
  }

  write(): void {
    const offset = this.chunks.length * CHUNK_BYTES;
    const chunk = chunkOf(offset, 'stdout', Buffer.alloc(CHUNK_BYTES, this.chunks.length));
    this.chunks.push(chunk);
    const data = encodeJson({ v: MESSAGES_VERSION, id: JOB, attempt: 1, chunks: [chunk] });
    for (const callback of this.subscriptions) callback(null, { data });
  }
}

const open = () => {
  const floods = new Floods();
  const names = shardNames('s0' as ShardId);
  const { connection } = floods;
  const feeds = new OutputFeeds(connection, names);
  const tail = (): OutputTail =>
    new OutputTail({
      ...{ connection, names, feeds, job: JOB, attempt: 1, worker: 'w1' as WorkerId, from: 0 },
      wake: () => undefined,
    });
  return { floods, tail };
};

const whole = async (tail: OutputTail, until: number): Promise<OutputChunk[]> => {
  const chunks: OutputChunk[] = [];
  for (let tries = 0; tries < 1_000 && tail.next < until; tries += 1) chunks.push(...(await tail.read()));
  return chunks;
};

describe('the tail of an output', () => {
  it('comes whole, in order and once, to one who reads and to one who read nothing of a flood', async () => {
    const { floods, tail } = open();
    const [reader, sleeper] = [tail(), tail()];
    const read: OutputChunk[] = [];
    for (let n = 0; n < 60; n += 1) {
      floods.write();
      if (n % 3 === 0) read.push(...(await reader.read()));
    }
    const end = 60 * CHUNK_BYTES;
    expect([...read, ...(await whole(reader, end))]).toEqual(floods.chunks);
    expect(await whole(sleeper, end)).toEqual(floods.chunks);
  });

  it('asks the spool only for what it missed', async () => {
    const { floods, tail } = open();
    const reader = tail();
    await reader.read();
    expect(floods.asked).toBe(1);
    for (let n = 0; n < 20; n += 1) {
      floods.write();
      expect(await reader.read()).toEqual([floods.chunks[n]]);
    }
    expect(floods.asked).toBe(1);
  });

  it('is subscribed to once, for as long as anybody reads', () => {
    const { floods, tail } = open();
    const tails = [tail(), tail(), tail()];
    expect(floods.subscriptions.size).toBe(1);
    for (const one of tails.slice(1)) one.close();
    expect(floods.subscriptions.size).toBe(1);
    tails[0]?.close();
    tails[0]?.close();
    expect(floods.subscriptions.size).toBe(0);
  });
});
