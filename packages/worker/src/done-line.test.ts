import type { BootId, JobId, ShardId, WorkerId } from '@zerofleet/model';
import {
  encodeDoneReply,
  parseDone,
  shardNames,
  type Done,
  type Ended,
  type WireForm,
} from '@zerofleet/protocol';
import { describe, expect, it } from 'vitest';
import { DoneLine, type DoneLineOptions } from './done-line.js';

const BOOT = '00000000-0000-4000-8000-000000000001' as BootId;
const endOf = (n: number, bytes = 1): Ended => ({
  id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
  attempt: 1,
  end: { kind: 'lost', reason: 'x'.repeat(bytes) },
});

const NEVER = new Promise<never>(() => undefined);

/** A leader that notes what it is told, and answers as `answer` says. */
class Leader {
  readonly told: { readonly done: Done; readonly form: WireForm }[] = [];
  answer: (done: Done, form: WireForm) => Uint8Array | Promise<Uint8Array> = (_, form) =>
    encodeDoneReply({ retry: [] }, form);
  readonly line = new DoneLine({
    connection: {
      request: async (_subject: string, data: Uint8Array) => {
        const parsed = parseDone(data);
        if (!parsed.ok) throw new Error(parsed.reason);
        this.told.push(parsed.value);
        return { data: await this.answer(parsed.value.done, parsed.value.form) };
      },
    } as unknown as DoneLineOptions['connection'],
    names: shardNames('s0' as ShardId),
    worker: 'w' as WorkerId,
    boot: BOOT,
  });

  /** How many ends each message told of. */
  get sizes(): readonly number[] {
    return this.told.map(({ done }) => done.ends.length);
  }
}

describe('DoneLine', () => {
  it('tells of what ends in one turn in one message, by the newest epoch, and confirms what was not asked for again', async () => {
    const leader = new Leader();
    leader.line.leaderSpoke(1, 2);
    leader.answer = (_, form) => encodeDoneReply({ retry: [1] }, form);
    const replies = await Promise.all([1, 2, 3].map((n) => leader.line.tell(n, endOf(n))));
    expect(replies).toEqual(['confirmed', 'retry', 'confirmed']);
    expect(leader.told).toMatchObject([{ form: 2, done: { epoch: 3, worker: 'w', boot: BOOT } }]);
  });

  it('tells a leader that does not read many of one at a time, also when another leader did before', async () => {
    const leader = new Leader();
    await Promise.all([1, 2].map((n) => leader.line.tell(1, endOf(n))));
    leader.line.leaderSpoke(1, 2);
    await Promise.all([1, 2].map((n) => leader.line.tell(1, endOf(n))));
    leader.line.leaderSpoke(1, 1);
    await Promise.all([1, 2].map((n) => leader.line.tell(1, endOf(n))));
    expect(leader.sizes).toEqual([1, 1, 2, 1, 1]);
  });

  it('stays below the largest message, and sends what is larger alone', async () => {
    const leader = new Leader();
    leader.line.leaderSpoke(1, 2);
    const sizes = [200_000, 200_000, 500_000, 1, ...Array.from({ length: 256 }, () => 1)];
    await Promise.all(sizes.map((bytes, n) => leader.line.tell(1, endOf(n, bytes))));
    expect(leader.sizes).toEqual([1, 1, 1, 256, 1]);
  });

  it('tells again what another leader was told and did not answer', async () => {
    const leader = new Leader();
    leader.line.leaderSpoke(1, 2);
    leader.answer = () => NEVER;
    const unanswered = leader.line.tell(1, endOf(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(leader.sizes).toEqual([1]);
    leader.line.leaderSpoke(1, 2);
    leader.line.leaderSpoke(2, 2);
    expect(await unanswered).toBe('retry');
  });

  it('confirms nothing when the answer is missing or cannot be read', async () => {
    const leader = new Leader();
    leader.line.leaderSpoke(1, 2);
    leader.answer = () => Buffer.from('{}');
    await expect(leader.line.tell(1, endOf(1))).rejects.toThrow('malformed reply to done');
    leader.answer = () => {
      throw new Error('no responders');
    };
    const both = await Promise.allSettled([1, 2].map((n) => leader.line.tell(1, endOf(n))));
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
