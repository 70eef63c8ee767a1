/** What a submission may ask for beside its tool: a key, a time, a deadline, retries. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '@zerofleet/model';
import type { JobView } from '@zerofleet/protocol';
import type { LightMyRequestResponse } from 'fastify';
import {
  Bench,
  DONE,
  expectRefusal,
  JOB,
  KEYS,
  NOBODYS_JOB,
  until,
  type BenchLimits,
} from './bench.test.helper.js';

let bench: Bench;
const open = async (limits: BenchLimits = {}): Promise<Bench> => {
  bench = new Bench(limits);
  await bench.begin();
  return bench;
};
afterEach(() => bench.close());

const idOf = (answer: LightMyRequestResponse): string => answer.json<JobView>().id;
const replayed = (answer: LightMyRequestResponse): unknown => answer.headers['idempotent-replayed'];
const FAILED: Outcome = {
  kind: 'failed',
  failure: { code: 'tool_error', message: 'it said no' },
  report: null,
};

describe('an idempotency key', () => {
  it.each([
    ['an empty one', ''],
    ['a space', 'a b'],
    ['a redrive of our own', `redrive ${NOBODYS_JOB}`],
    ['a tab', 'a\tb'],
    ['a letter beyond ASCII', 'clé'],
    ['256 characters', 'x'.repeat(256)],
  ])('is refused with %s, and nothing is accepted', async (_what, key) => {
    await open();
    const before = bench.ledger.messages.length;
    const problem = expectRefusal(await bench.post(JOB, key), 'invalid_request', undefined);
    expect(problem.errors).toEqual([{ path: '/headers/idempotency-key', message: 'not a key' }]);
    expect(bench.ledger.messages).toHaveLength(before);
  });

  it('may have up to 255 visible characters of any kind', async () => {
    await open();
    for (const key of ['x'.repeat(255), '!"#$%&/()=?{[]}~,;', '0'])
      expect((await bench.post(JOB, key)).statusCode).toBe(202);
  });

  it('is one job, whatever the order of the members: queued, running and finished', async () => {
    await open();
    const first = await bench.post({ ...JOB, timeoutMs: 500 }, 'k');
    expect([first.statusCode, replayed(first)]).toEqual([202, undefined]);
    const id = idOf(first);
    const again = async (): Promise<string> => {
      const answer = await bench.post({ timeoutMs: 500, ...JOB }, 'k');
      expect([answer.statusCode, replayed(answer), idOf(answer)]).toEqual([202, 'true', id]);
      expect(answer.headers.location).toBe(`/v1/jobs/${id}`);
      return answer.json<JobView>().stage;
    };
    expect(await again()).toBe('queued');
    bench.addWorker();
    await until(() => bench.runs.length === 1);
    expect(await again()).toBe('running');
    await bench.finish(id);
    expect(await again()).toBe('succeeded');
    expect(bench.runs).toHaveLength(1);
  });

  it('names its job also for a leader that has forgotten it, which a waiting submission hears at once', async () => {
    const { outcomes } = await open();
    bench.addWorker();
    const id = idOf(await bench.post(JOB, 'k'));
    await bench.finish(id);
    await until(() => outcomes.records.has(id));
    await bench.close();
    await open({ outcomes });
    const headers = { 'idempotency-key': 'k' };
    const answer = await bench.call('POST', '/v1/jobs?wait=60s', { body: JOB, headers });
    expect([answer.statusCode, replayed(answer), idOf(answer)]).toEqual([200, 'true', id]);
    expect(answer.json()).toMatchObject({ stage: 'succeeded', output: { chunks: [{ data: 'hi\n' }] } });
    expectRefusal(await bench.post({ ...JOB, maxAttempts: 1 }, 'k'), 'idempotency_conflict', undefined);
    expect(bench.engine.counts.queued).toBe(0);
  });

  it('with another body is a conflict, and the job stays as it is', async () => {
    await open();
    const id = idOf(await bench.post(JOB, 'k'));
    for (const body of [
      { tool: 'echo', arguments: { text: 'other' } },
      { ...JOB, delayMs: 0 },
    ])
      expectRefusal(await bench.post(body, 'k'), 'idempotency_conflict', undefined);
    expect(bench.engine.counts.queued).toBe(1);
    expect(idOf(await bench.post(JOB, 'k'))).toBe(id);
  });

  it('is the tenant\u2019s own: the same one of another tenant is another job', async () => {
    await open();
    const mine = idOf(await bench.post(JOB, 'k'));
    const theirs = await bench.post({ ...JOB, timeoutMs: 7 }, 'k', KEYS.bob);
    expect([theirs.statusCode, replayed(theirs)]).toEqual([202, undefined]);
    expect(idOf(theirs)).not.toBe(mine);
  });

  it('makes one job of two submissions at once', async () => {
    await open();
    const answers = await Promise.all([bench.post(JOB, 'k'), bench.post(JOB, 'k')]);
    expect(new Set(answers.map(idOf)).size).toBe(1);
    expect(answers.map(replayed).sort()).toEqual(['true', undefined]);
  });

  it('index_rebuilding: nothing is accepted while nobody knows whether it was used', async () => {
    await open();
    const live = idOf(await bench.post(JOB, 'live'));
    bench.outcomes.rebuilding = true;
    const problem = expectRefusal(await bench.post(JOB, 'k'), 'index_rebuilding', '2');
    expect(problem.detail).toContain('same key');
    expect(idOf(await bench.post(JOB, 'live'))).toBe(live);
    expect((await bench.post()).statusCode).toBe(202);
    bench.outcomes.rebuilding = false;
    bench.outcomes.away = true;
    expectRefusal(await bench.post(JOB, 'k'), 'index_rebuilding', '2');
    bench.outcomes.away = false;
    expect(replayed(await bench.post(JOB, 'k'))).toBeUndefined();
  });

  it('upgrading: not while the ledger is written in the format before; plain jobs are taken', async () => {
    await open({ format: 1 });
    for (const [body, key] of [
      [JOB, 'k'],
      [{ ...JOB, delayMs: 5 }, undefined],
      [{ ...JOB, deadlineMs: 5 }, undefined],
      [{ ...JOB, retry: { on: ['killed'] } }, undefined],
    ] as const)
      expectRefusal(await bench.post(body, key), 'upgrading', '30');
    expect((await bench.post()).statusCode).toBe(202);
    expect(bench.engine.counts.queued).toBe(1);
  });
});

describe('times', () => {
  it('hold a job back, and say until when', async () => {
    await open();
    bench.addWorker();
    const job = await bench.submit({ ...JOB, delayMs: 2_000 });
    const runAt = new Date(bench.clock.wallMs() + 2_000).toISOString();
    expect(job).toMatchObject({ stage: 'queued', runAt, deadlineAt: null });
    await bench.clock.advance(1_999);
    expect(bench.runs).toHaveLength(0);
    await bench.clock.advance(1);
    await until(() => bench.runs.length === 1);
    await bench.finish(job.id);
    expect((await bench.call('GET', `/v1/jobs/${job.id}`)).json()).toMatchObject({
      stage: 'succeeded',
      runAt: null,
    });
  });

  it('may be given as a time with its zone', async () => {
    await open();
    const runAt = new Date(bench.clock.wallMs() + 60_000).toISOString();
    expect(await bench.submit({ ...JOB, runAt: runAt.replace('Z', '+00:00') })).toMatchObject({ runAt });
  });

  it('end a job that was not started by its deadline, and no other', async () => {
    await open();
    const late = await bench.submit({ ...JOB, deadlineMs: 1_000 });
    expect(late.deadlineAt).toBe(new Date(bench.clock.wallMs() + 1_000).toISOString());
    const waiting = bench.call('GET', `/v1/jobs/${late.id}?wait=60s`);
    await until(() => bench.feed.size === 1);
    await bench.clock.advance(1_500);
    expect((await waiting).json()).toMatchObject({
      stage: 'expired',
      attempt: 0,
      error: { code: 'expired' },
    });
    bench.addWorker();
    const started = await bench.submit({ ...JOB, deadlineMs: 1_000 });
    await until(() => bench.runs.length === 1);
    await bench.clock.advance(5_000);
    await bench.finish(started.id);
    expect((await bench.call('GET', `/v1/jobs/${started.id}`)).json<JobView>().stage).toBe('succeeded');
  });

  it('do not keep a job that waits from being cancelled', async () => {
    await open();
    const { id } = await bench.submit({ ...JOB, delayMs: 60_000 });
    expect((await bench.call('POST', `/v1/jobs/${id}/cancel`)).json()).toMatchObject({ stage: 'cancelled' });
  });
});

describe('retries', () => {
  it('start a job again after a failure that its policy names, within its attempts', async () => {
    await open();
    bench.addWorker();
    const retry = { on: ['tool_error'], baseMs: 100, capMs: 100 };
    const { id } = await bench.submit({ ...JOB, maxAttempts: 3, retry });
    await bench.finish(id, FAILED);
    const between = (await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>();
    expect(between).toMatchObject({ stage: 'queued', attempt: 1, error: null });
    expect(between.runAt).not.toBeNull();
    await bench.clock.advance(100);
    await bench.finish(id, DONE, 2);
    const job = (await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>();
    expect(job).toMatchObject({ stage: 'succeeded', attempt: 2 });
    expect(bench.outcomes.letters.size).toBe(0);
  });

  it('are not for a cause that the policy does not name', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit({ ...JOB, retry: { on: ['timed_out', 'killed'] } });
    await bench.finish(id, FAILED);
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json()).toMatchObject({ stage: 'failed', attempt: 1 });
  });
});

describe('what cannot be', () => {
  it.each([
    ['both runAt and delayMs', { runAt: '2030-01-01T00:00:00Z', delayMs: 1 }],
    ['a time without a zone', { runAt: '2023-12-01T00:00:00' }],
    ['a time that is none', { runAt: 'tomorrow' }],
    ['a time as a number', { runAt: 1_700_000_000_000 }],
    ['400 days ahead by runAt', { runAt: '2024-12-18T00:00:00Z' }],
    ['400 days ahead by delayMs', { delayMs: 400 * 86_400_000 }],
    ['400 days ahead by deadlineMs', { deadlineMs: 400 * 86_400_000 }],
    ['a time in the past by delayMs', { delayMs: -1 }],
    ['half a millisecond', { delayMs: 0.5 }],
    ['a delay as text', { delayMs: '5' }],
    ['a deadline at once', { deadlineMs: 0 }],
    ['a deadline before the start', { delayMs: 1_000, deadlineMs: 500 }],
    ['a deadline that is null', { deadlineMs: null }],
    ['a retry of nothing', { retry: { on: [] } }],
    ['a retry without causes', { retry: {} }],
    ['a retry that is no object', { retry: 'always' }],
    ['an unknown cause', { retry: { on: ['rain'] } }],
    ['a cause that is tried again anyway', { retry: { on: ['worker_lost'] } }],
    ['a cause twice', { retry: { on: ['killed', 'killed'] } }],
    ['a pause below nothing', { retry: { on: ['killed'], baseMs: -1 } }],
    ['a pause of more than a day', { retry: { on: ['killed'], capMs: 86_400_001 } }],
    ['a cap below the base', { retry: { on: ['killed'], baseMs: 20, capMs: 10 } }],
    ['an unknown member of a retry', { retry: { on: ['killed'], jitter: 1 } }],
    ['the key in the body', { idempotencyKey: 'k' }],
  ])('is refused: %s', async (_what, more) => {
    await open();
    const before = bench.ledger.messages.length;
    const problem = expectRefusal(await bench.post({ ...JOB, ...more }), 'invalid_request', undefined);
    expect(problem.errors?.[0]?.path).toMatch(/^\//);
    expect(bench.ledger.messages).toHaveLength(before);
  });
});
