/** The line between replicas: one suite for the leader port, and a gateway's end of it on a real server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsLeaderLine, RemoteLeader, type LeaderPort } from '@zerofleet/coordinator';
import type { JobEnvelope } from '@zerofleet/model';
import {
  answerOf,
  shardNames,
  type FindReply,
  type LeaderCall,
  type LeaderReply,
  type ShardNames,
  type SubmitReply,
} from '@zerofleet/protocol';
import type { ShardId } from '@zerofleet/model';
import { silentLogger, type NatsConnection } from '@zerofleet/runtime';
import { MemoryLine, newExchange } from '@zerofleet/testkit';
import { eventually } from '../fleet/eventually.js';
import { Brokers } from './brokers.js';
import { memoryBench } from './memory.js';
import { ACME, recordOf } from './records.js';

/** The lines of two replicas. */
interface Bench {
  readonly ours: LeaderPort;
  readonly theirs: LeaderPort;
  /** Resolves once the server knows what was said before. */
  readonly flush: () => Promise<void>;
  /** Lets time pass where it does not pass by itself. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

const PING = { v: 1, replica: 'b', format: 2 } as const;
const PONG = { v: 1, leader: 'a', epoch: 3 } as const;
const NOT_NOW: LeaderReply = { v: 1, kind: 'not_now', why: 'no_leader' };
const silentLeader = { ping: () => PONG, call: () => new Promise<LeaderReply>(() => undefined) };

const conformance = (name: string, open: () => Promise<Bench>): void => {
  describe(name, () => {
    it('says that nobody leads, who leads, and that nobody leads any more', async () => {
      const { ours, theirs, flush, settle } = await open();
      expect(await settle(ours.ping(PING, 1_000))).toBe('nobody');
      const pings: unknown[] = [];
      const stop = theirs.serve({
        ping: (ping) => {
          pings.push(ping);
          return PONG;
        },
        call: () => Promise.resolve(NOT_NOW),
      });
      await settle(flush());
      expect(await settle(ours.ping(PING, 1_000))).toEqual(PONG);
      expect(pings).toEqual([PING]);
      stop();
      await settle(flush());
      expect(await settle(ours.ping(PING, 1_000))).toBe('nobody');
    });
  });
};

conformance('leader line in memory', async () => {
  const { wire, newProcess, settle } = memoryBench();
  const exchange = newExchange();
  const line = (): MemoryLine => new MemoryLine(exchange, newProcess(), wire);
  return { ours: line(), theirs: line(), flush: () => Promise.resolve(), settle };
});

describe('on a real server', () => {
  const brokers = new Brokers();
  let connection: NatsConnection;
  let other: NatsConnection;
  let shards = 0;
  const newNames = (): ShardNames => {
    shards += 1;
    return shardNames(`l${shards}` as ShardId);
  };
  const lineOf = (names: ShardNames, over = other): NatsLeaderLine =>
    new NatsLeaderLine(over, names, silentLogger());
  const serve = async (
    names: ShardNames,
    call: (call: LeaderCall) => Promise<LeaderReply>,
  ): Promise<() => void> => {
    const stop = lineOf(names).serve({ ping: () => PONG, call });
    await other.flush();
    return stop;
  };
  const envelope = (bytes = 10): JobEnvelope => {
    const payload = { arguments: { text: 'x'.repeat(bytes) }, files: [] };
    return { ...recordOf().job, payload: { kind: 'inline', bytes, payload } };
  };
  const accept = ({ payload: _, ...head }: JobEnvelope): SubmitReply => ({
    kind: 'accepted',
    job: { envelope: head, state: { kind: 'queued', attemptsStarted: 0, attemptsSpent: 0, dueAtMs: null } },
  });
  const acceptAll = (call: LeaderCall): LeaderReply =>
    call.kind === 'submit'
      ? { v: 1, kind: 'submit', replies: call.jobs.map((job) => answerOf(accept(job))) }
      : NOT_NOW;

  const withKey = (job: JobEnvelope, key: string): JobEnvelope => ({
    ...job,
    extras: { ...job.extras, idempotency: { key, hash: key } },
  });
  const serverIsBack = (): Promise<true | undefined> =>
    Promise.all([connection.flush(), other.flush()]).then(
      () => true,
      () => undefined,
    );

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
    other = await brokers.connect();
  }, 120_000);
  afterAll(() => brokers.stop());

  conformance('leader line on NATS', async () => {
    const names = newNames();
    return {
      ours: lineOf(names, connection),
      theirs: lineOf(names),
      flush: () => other.flush(),
      settle: (work) => work,
    };
  });

  it('calls a leader silent that does not answer, or answers what nobody understands', async () => {
    const names = newNames();
    other.subscribe(names.leaderPing, { callback: () => undefined });
    await other.flush();
    expect(await lineOf(names, connection).ping(PING, 50)).toBe('silent');
    other.subscribe(names.leaderPing, { callback: (_, message) => void message.respond('{"v":9}') });
    await other.flush();
    expect(await lineOf(names, connection).ping(PING, 1_000)).toBe('silent');
  });

  it('sees a leader of the release before, which listens for the ends of attempts only', async () => {
    const names = newNames();
    const line = lineOf(names, connection);
    expect(await line.probe(1_000)).toBe('nobody');
    const workers = other.subscribe(names.done, { callback: (_, message) => void message.respond('{}') });
    await other.flush();
    expect(await line.probe(1_000)).toBe('there');
    expect(await line.ping(PING, 1_000)).toBe('nobody');
    workers.unsubscribe();
  });

  it('submits what came in one turn together, in few batches within their limits, each job with its own answer', async () => {
    const names = newNames();
    const batches: number[] = [];
    await serve(names, (call) => {
      if (call.kind === 'submit') batches.push(call.jobs.length);
      return Promise.resolve(acceptAll(call));
    });
    const remote = new RemoteLeader(connection, names);
    const jobs = Array.from({ length: 300 }, () => envelope());
    const replies = await Promise.all(jobs.map((job) => remote.submit(job)));
    expect(replies).toEqual(jobs.map(accept));
    expect(batches).toEqual([128, 128, 44]);
    batches.length = 0;
    await Promise.all(Array.from({ length: 6 }, () => remote.submit(envelope(150_000))));
    expect(batches).toEqual([2, 2, 2]);
  });

  it('refuses only what surely was not taken', async () => {
    const names = newNames();
    const remote = new RemoteLeader(connection, names, 300);
    const refused = { kind: 'refused', why: 'no_leader' };
    expect(await remote.submit(envelope())).toEqual(refused);
    let answer: () => Promise<LeaderReply> = () => Promise.resolve(NOT_NOW);
    let calls = 0;
    await serve(names, () => {
      calls += 1;
      return answer();
    });
    expect(await remote.submit(envelope())).toEqual(refused);
    const job = envelope();
    const unknown = { kind: 'unknown', id: job.id };
    answer = () => silentLeader.call();
    expect(await remote.submit(job)).toEqual(unknown);
    answer = () => Promise.resolve({ v: 1, kind: 'submit', replies: [] });
    expect(await remote.submit(job)).toEqual(unknown);
    answer = () => Promise.resolve({ v: 1 } as LeaderReply);
    expect(await remote.submit(job)).toEqual(unknown);
    expect(calls).toBe(4);
    // One answer to two jobs is an answer to neither.
    answer = () => Promise.resolve({ v: 1, kind: 'submit', replies: [answerOf(accept(job))] });
    expect(await Promise.all([remote.submit(job), remote.submit(job)])).toEqual([unknown, unknown]);
  });

  it('calls what a killed server left open unknown', async () => {
    const names = newNames();
    const remote = new RemoteLeader(connection, names, 1_000);
    let asked = false;
    await serve(names, () => {
      asked = true;
      return silentLeader.call();
    });
    const job = envelope();
    const reply = remote.submit(job);
    await eventually('the call', () => Promise.resolve(asked ? true : undefined));
    await brokers.kill('nats');
    expect(await reply).toEqual({ kind: 'unknown', id: job.id });
    brokers.startNats();
    await eventually('the server', serverIsBack);
  }, 60_000);

  it('asks what came of submissions whose answer was lost with the server', async () => {
    const names = newNames();
    const remote = new RemoteLeader(connection, names, 10_000);
    const [kept, lost, keyed, unsure] = [envelope(), envelope(), withKey(envelope(), 'k'), envelope()];
    const held = accept(kept);
    let asked = 0;
    await serve(names, (call) => {
      asked += call.kind === 'submit' ? call.jobs.length : 0;
      if (call.kind !== 'find') return silentLeader.call();
      const reply: FindReply =
        call.id === kept.id && held.kind === 'accepted'
          ? { kind: 'found', job: held.job }
          : call.id === unsure.id
            ? { kind: 'unavailable', why: 'ledger_unavailable' }
            : { kind: 'unknown' };
      return Promise.resolve({ v: 1, kind: 'job', reply });
    });
    const replies = Promise.all([kept, lost, keyed, unsure].map((job) => remote.submit(job)));
    await eventually('the call', () => Promise.resolve(asked === 4 ? true : undefined));
    await brokers.kill('nats');
    brokers.startNats();
    await eventually('the server', serverIsBack);
    remote.linkRestored();
    expect(await replies).toEqual([
      held,
      { kind: 'refused', why: 'no_leader' },
      { kind: 'unknown', id: keyed.id },
      { kind: 'unknown', id: unsure.id },
    ]);
  }, 60_000);

  it('hands calls over, and says of a change without an answer that it may have happened', async () => {
    const names = newNames();
    const remote = new RemoteLeader(connection, names, 300);
    const { id } = recordOf().job;
    const cancel = { v: 1, kind: 'cancel', tenant: ACME, id } as const;
    expect(await remote.call(cancel)).toEqual(NOT_NOW);
    const found: LeaderReply = { v: 1, kind: 'job', reply: { kind: 'unknown', id } };
    const stop = await serve(names, () => Promise.resolve(found));
    expect(await remote.call(cancel)).toEqual(found);
    stop();
    await serve(names, () => silentLeader.call());
    expect(await remote.call(cancel)).toEqual({ v: 1, kind: 'not_now', why: 'acceptance_unknown' });
    expect(await remote.call({ ...cancel, kind: 'find' })).toEqual(NOT_NOW);
  });

  it('answers a call that nobody can read', async () => {
    const names = newNames();
    await serve(names, (call) => Promise.resolve(acceptAll(call)));
    const reply = await connection.request(names.leaderCall, '{"v":9}', { timeout: 1_000 });
    expect(reply.json()).toMatchObject({ kind: 'not_now' });
  });
});
