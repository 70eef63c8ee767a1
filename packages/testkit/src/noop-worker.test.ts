/** The no-op worker keeps the laws of the real one, seen from the other end of its connection. */
import type { BootId, JobId, ShardId, WorkerId } from '@zerofleet/model';
import {
  encodeDoneReply,
  encodeJson,
  encodeRun,
  MESSAGES_VERSION,
  parseDone,
  parseReady,
  parseRunReply,
  parseStopReply,
  shardNames,
  WIRE_FORM,
  type Done,
  type RunForm,
  type RunJob,
  type RunReply,
  type StopReply,
  type WireForm,
} from '@zerofleet/protocol';
import type { NatsLink } from '@zerofleet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { NoopWorker } from './noop-worker.js';
import { VirtualClock } from './virtual-clock.js';

const names = shardNames('s0' as ShardId);
const WORKER = 'noop' as WorkerId;
const BOOT = '00000000-0000-4000-8000-000000000001' as BootId;
const SLOTS = 2;

interface Wire {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string | undefined;
}
type Take = (
  error: null,
  message: { data: Uint8Array; subject: string; respond: (data: Uint8Array) => void },
) => void;

/** A connection whose other end is the test. */
class Peer {
  readonly sent: Wire[] = [];
  connected = true;
  private readonly takers = new Map<string, Take>();

  get link(): NatsLink {
    const connection = {
      isClosed: () => false,
      publish: (subject: string, data: Uint8Array, options?: { reply?: string }) =>
        void this.sent.push({ subject, data, reply: options?.reply }),
      subscribe: (subject: string, { callback }: { callback: Take }) => {
        this.takers.set(subject, callback);
        return { unsubscribe: () => this.takers.delete(subject) };
      },
    };
    return { connection: connection as unknown as NatsLink['connection'], isConnected: () => this.connected };
  }

  /** Says `data` on `subject`; the answer's bytes, if there was one. */
  say(subject: string, data: Uint8Array): Uint8Array | undefined {
    const pattern = this.takers.has(subject) ? subject : subject.replace(/[^.]+$/, '*');
    let answer: Uint8Array | undefined;
    const respond = (data: Uint8Array): void => void (answer = data);
    this.takers.get(pattern)?.(null, { data, subject, respond });
    return answer;
  }
}

const FORM: RunForm = {
  tenant: 'demo' as RunForm['tenant'],
  tool: 'echo' as RunForm['tool'],
  mode: 'warm',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 1, workMiB: 1, tmpMiB: 1 },
  },
  reuse: 'tenant',
  outputBytes: 0,
};

const job = (n: number, delayMs = 0, attempt = 1): RunJob => ({
  id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
  attempt,
  form: FORM,
  payload: { kind: 'inline', bytes: 0, payload: { arguments: { text: `job ${n}`, delayMs }, files: [] } },
  timeoutMs: 1_000,
});

describe('NoopWorker', () => {
  let clock: VirtualClock;
  let peer: Peer;
  let begun: string[];
  let worker: NoopWorker;
  beforeEach(async () => {
    clock = new VirtualClock();
    peer = new Peer();
    begun = [];
    const onBegin = (jobs: readonly RunJob[]): void => void begun.push(...jobs.map(({ id }) => id));
    worker = new NoopWorker({
      link: peer.link,
      names,
      worker: WORKER,
      boot: BOOT,
      slots: SLOTS,
      clock,
      onBegin,
    });
    await worker.start();
  });

  const run = async (
    jobs: readonly RunJob[],
    { epoch = 1, boot = BOOT, form = WIRE_FORM }: { epoch?: number; boot?: BootId; form?: WireForm } = {},
  ): Promise<RunReply> => {
    const answer = peer.say(names.run(WORKER), encodeRun({ epoch, boot, jobs }, form));
    const reply = parseRunReply(answer ?? new Uint8Array());
    if (!reply.ok) throw new Error(reply.reason);
    // What ended at once is told at the end of the turn.
    await Promise.resolve();
    return reply.value;
  };
  const stop = (one: RunJob, why: 'cancel' | 'forget'): StopReply => {
    const message = { v: MESSAGES_VERSION, epoch: 1, id: one.id, attempt: one.attempt, why };
    const reply = parseStopReply(peer.say(names.stop(WORKER), encodeJson(message)) ?? new Uint8Array());
    if (!reply.ok) throw new Error(reply.reason);
    return reply.value;
  };
  const dones = (): { readonly done: Done; readonly form: WireForm; readonly reply: string }[] =>
    peer.sent
      .filter(({ subject }) => subject === names.done)
      .map(({ data, reply }) => {
        const done = parseDone(data);
        if (!done.ok) throw new Error(done.reason);
        return { ...done.value, reply: reply ?? '' };
      });
  const answer = (to: string, retry: readonly number[] = [], form = WIRE_FORM): void =>
    void peer.say(to, encodeDoneReply({ retry }, form));
  const pass = async (ms: number): Promise<void> => {
    for (const end = clock.nowMs() + ms; clock.nowMs() < end;) await clock.step();
  };

  it('echoes the text at once, and forgets the attempt when it is confirmed', async () => {
    expect(await run([job(1)])).toMatchObject({ kind: 'taken', refused: [] });
    const [first] = dones();
    expect(first?.done.ends).toMatchObject([
      { end: { outcome: { kind: 'succeeded', report: { value: { text: 'job 1' } } } } },
    ]);
    answer(first?.reply ?? '');
    expect(worker.load).toBe(0);
  });

  it('repeats done after a retry and after silence until it is confirmed', async () => {
    await run([job(1)]);
    answer(dones()[0]?.reply ?? '', [0]);
    await pass(300);
    expect(dones()).toHaveLength(2);
    await pass(2_500);
    expect(dones()).toHaveLength(3);
    answer(dones()[2]?.reply ?? '');
    await pass(5_000);
    expect(dones()).toHaveLength(3);
  });

  it('tells of many ends in one message, and again only of those that the leader wants again', async () => {
    await run([job(1), job(2)]);
    expect(dones()).toHaveLength(1);
    expect(dones()[0]).toMatchObject({ form: 2, done: { ends: [{ id: job(1).id }, { id: job(2).id }] } });
    answer(dones()[0]?.reply ?? '', [1]);
    expect(worker.load).toBe(1);
    await pass(300);
    expect(dones()[1]?.done.ends).toMatchObject([{ id: job(2).id }]);
  });

  it('tells a leader of the release before of one end a message', async () => {
    await run([job(1), job(2)], { form: 1 });
    expect(dones().map(({ form }) => form)).toEqual([1, 1]);
    for (const { reply } of dones()) answer(reply, [], 1);
    expect(worker.load).toBe(0);
  });

  it('tells a new leader at once what the one before did not answer', async () => {
    await run([job(1)]);
    const call = (epoch: number): void =>
      void peer.say(names.roster, encodeJson({ v: MESSAGES_VERSION, epoch, reads: WIRE_FORM }));
    call(1);
    await Promise.resolve();
    expect(dones()).toHaveLength(1);
    call(2);
    await Promise.resolve();
    expect(dones()).toHaveLength(2);
    expect(dones()[1]?.done).toMatchObject({ epoch: 2, ends: [{ id: job(1).id }] });
  });

  it('takes a run for its own boot and no older epoch, each attempt once', async () => {
    expect(await run([job(1)], { boot: '00000000-0000-4000-8000-000000000002' as BootId })).toMatchObject({
      kind: 'wrong_boot',
    });
    expect(await run([job(1, 500)], { epoch: 2 })).toMatchObject({ kind: 'taken', refused: [] });
    expect(await run([job(1, 500)], { epoch: 2 })).toMatchObject({ kind: 'taken', refused: [] });
    expect(await run([job(2)], { epoch: 1 })).toMatchObject({ kind: 'old_epoch' });
    expect(begun).toEqual([job(1).id]);
  });

  it('begins nothing again that was here and ended', async () => {
    await run([job(1)]);
    answer(dones()[0]?.reply ?? '');
    expect(await run([job(1)])).toMatchObject({ kind: 'taken', refused: [{ id: job(1).id, attempt: 1 }] });
    expect(begun).toHaveLength(1);
  });

  it('refuses what it has no room for', async () => {
    const reply = await run([job(1, 500), job(2, 500), job(3, 500)]);
    expect(reply).toMatchObject({ kind: 'taken', refused: [{ id: job(3).id }] });
    stop(job(1), 'forget');
    // By now it may be another's: only a new attempt may be taken.
    expect(await run([job(3, 500)])).toMatchObject({ refused: [{ id: job(3).id }] });
    expect(await run([job(3, 500, 2)])).toMatchObject({ refused: [] });
  });

  it('refuses more once nobody confirms, so that it holds a bounded number', async () => {
    for (let n = 0; n < 10; n += 1) await run([job(n)]);
    expect(worker.load).toBe(2 * SLOTS);
  });

  it('ends a cancelled attempt as cancelled, and a forgotten one without a word', async () => {
    await run([job(1, 500), job(2, 500)]);
    expect(stop(job(1), 'cancel').known).toBe(true);
    expect(stop(job(2), 'forget').known).toBe(true);
    expect(stop(job(3), 'cancel').known).toBe(false);
    await pass(600);
    expect(
      dones().flatMap(({ done }) =>
        done.ends.map(({ id, end }) => [id, end.kind === 'outcome' && end.outcome.kind]),
      ),
    ).toEqual([[job(1).id, 'cancelled']]);
  });

  it('says all that it holds each second, and soon that a leader was wrong', async () => {
    await run([job(1, 5_000)]);
    await run([job(2, 5_000)]);
    const readies = () => peer.sent.filter(({ subject }) => subject === names.ready);
    await pass(60);
    expect(readies()).toHaveLength(1);
    await run([job(3, 5_000)]);
    await run([job(4, 5_000)]);
    await pass(60);
    expect(readies()).toHaveLength(2);
    const last = parseReady(readies()[1]?.data ?? new Uint8Array());
    expect(last).toMatchObject({
      ok: true,
      value: { attempts: [{ id: job(1).id }, { id: job(2).id }], free: { cpuMilli: 0 } },
    });
    await pass(3_000);
    expect(readies()).toHaveLength(5);
  });

  it('keeps nothing for a connection that is away, and reports when it is back', async () => {
    peer.connected = false;
    await run([job(1)]);
    await pass(3_000);
    expect(dones()).toEqual([]);
    peer.connected = true;
    await pass(3_000);
    expect(dones().length).toBeGreaterThan(0);
  });
});
