/** The no-op worker keeps the laws of the real one, seen from the other end of its connection. */
import type { BootId, JobId, ShardId, WorkerId } from '@zerofleet/model';
import {
  encodeJson,
  MESSAGES_VERSION,
  parseDone,
  parseReady,
  parseRunReply,
  parseStopReply,
  shardNames,
  type Done,
  type Run,
  type RunJob,
  type RunReply,
  type StopReply,
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

  /** Says `message` on `subject`; the answer's bytes, if there was one. */
  say(subject: string, message: unknown): Uint8Array | undefined {
    const pattern = this.takers.has(subject) ? subject : subject.replace(/[^.]+$/, '*');
    let answer: Uint8Array | undefined;
    const respond = (data: Uint8Array): void => void (answer = data);
    this.takers.get(pattern)?.(null, { data: encodeJson(message), subject, respond });
    return answer;
  }
}

const job = (n: number, delayMs = 0, attempt = 1): RunJob => ({
  id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
  attempt,
  tenant: 'demo' as RunJob['tenant'],
  tool: 'echo' as RunJob['tool'],
  mode: 'warm',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 1, workMiB: 1, tmpMiB: 1 },
  },
  reuse: 'tenant',
  payload: { kind: 'inline', bytes: 0, payload: { arguments: { text: `job ${n}`, delayMs }, files: [] } },
  timeoutMs: 1_000,
  outputBytes: 0,
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

  const run = (jobs: readonly RunJob[], epoch = 1, boot = BOOT): RunReply => {
    const message: Run = { v: MESSAGES_VERSION, epoch, boot, jobs: [...jobs] };
    const reply = parseRunReply(peer.say(names.run(WORKER), message) ?? new Uint8Array());
    if (!reply.ok) throw new Error(reply.reason);
    return reply.value;
  };
  const stop = (one: RunJob, why: 'cancel' | 'forget'): StopReply => {
    const message = { v: MESSAGES_VERSION, epoch: 1, id: one.id, attempt: one.attempt, why };
    const reply = parseStopReply(peer.say(names.stop(WORKER), message) ?? new Uint8Array());
    if (!reply.ok) throw new Error(reply.reason);
    return reply.value;
  };
  const dones = (): { readonly done: Done; readonly reply: string }[] =>
    peer.sent
      .filter(({ subject }) => subject === names.done)
      .map(({ data, reply }) => {
        const done = parseDone(data);
        if (!done.ok) throw new Error(done.reason);
        return { done: done.value, reply: reply ?? '' };
      });
  const answer = (to: string, kind: 'confirmed' | 'retry'): void =>
    void peer.say(to, { v: MESSAGES_VERSION, kind });
  const pass = async (ms: number): Promise<void> => {
    for (const end = clock.nowMs() + ms; clock.nowMs() < end;) await clock.step();
  };

  it('echoes the text at once, and forgets the attempt when it is confirmed', () => {
    expect(run([job(1)])).toMatchObject({ kind: 'taken', refused: [] });
    const [first] = dones();
    expect(first?.done.end).toMatchObject({
      outcome: { kind: 'succeeded', report: { value: { text: 'job 1' } } },
    });
    answer(first?.reply ?? '', 'confirmed');
    expect(worker.load).toBe(0);
  });

  it('repeats done after a retry and after silence until it is confirmed', async () => {
    run([job(1)]);
    answer(dones()[0]?.reply ?? '', 'retry');
    await pass(300);
    expect(dones()).toHaveLength(2);
    await pass(2_500);
    expect(dones()).toHaveLength(3);
    answer(dones()[2]?.reply ?? '', 'confirmed');
    await pass(5_000);
    expect(dones()).toHaveLength(3);
  });

  it('takes a run for its own boot and no older epoch, each attempt once', () => {
    expect(run([job(1)], 1, '00000000-0000-4000-8000-000000000002' as BootId)).toMatchObject({
      kind: 'wrong_boot',
    });
    expect(run([job(1, 500)], 2)).toMatchObject({ kind: 'taken', refused: [] });
    expect(run([job(1, 500)], 2)).toMatchObject({ kind: 'taken', refused: [] });
    expect(run([job(2)], 1)).toMatchObject({ kind: 'old_epoch' });
    expect(begun).toEqual([job(1).id]);
  });

  it('begins nothing again that was here and ended', () => {
    run([job(1)]);
    answer(dones()[0]?.reply ?? '', 'confirmed');
    expect(run([job(1)])).toMatchObject({ kind: 'taken', refused: [{ id: job(1).id, attempt: 1 }] });
    expect(begun).toHaveLength(1);
  });

  it('refuses what it has no room for', () => {
    const reply = run([job(1, 500), job(2, 500), job(3, 500)]);
    expect(reply).toMatchObject({ kind: 'taken', refused: [{ id: job(3).id }] });
  });

  it('refuses more once nobody confirms, so that it holds a bounded number', () => {
    for (let n = 0; n < 10; n += 1) run([job(n)]);
    expect(worker.load).toBe(2 * SLOTS);
  });

  it('ends a cancelled attempt as cancelled, and a forgotten one without a word', async () => {
    run([job(1, 500), job(2, 500)]);
    expect(stop(job(1), 'cancel').known).toBe(true);
    expect(stop(job(2), 'forget').known).toBe(true);
    expect(stop(job(3), 'cancel').known).toBe(false);
    await pass(600);
    expect(
      dones().map(({ done }) => [done.id, done.end.kind === 'outcome' && done.end.outcome.kind]),
    ).toEqual([[job(1).id, 'cancelled']]);
  });

  it('says all that it holds each second, and many changes in one Ready', async () => {
    run([job(1, 5_000)]);
    run([job(2, 5_000)]);
    const readies = () => peer.sent.filter(({ subject }) => subject === names.ready);
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
    run([job(1)]);
    await pass(3_000);
    expect(dones()).toEqual([]);
    peer.connected = true;
    await pass(3_000);
    expect(dones().length).toBeGreaterThan(0);
  });
});
