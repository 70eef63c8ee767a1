/** Dead letters over the API: seen in pages, submitted again once, and never by another tenant. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '@zerofleet/model';
import type { DeadLettersView, JobView } from '@zerofleet/protocol';
import {
  Bench,
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

const FAILED: Outcome = {
  kind: 'failed',
  failure: { code: 'tool_error', message: 'it said no' },
  report: null,
};
const RETRY = { on: ['tool_error'], baseMs: 0, capMs: 0 };

/** Makes a dead letter of a job that had one attempt; gives its id. */
const bury = async (more: object = {}): Promise<string> => {
  const { id } = await bench.submit({ ...JOB, maxAttempts: 1, retry: RETRY, ...more });
  await bench.finish(id, FAILED);
  await until(() => bench.outcomes.letters.has(id));
  return id;
};
const list = async (query = '', key: string = KEYS.ada): Promise<DeadLettersView> =>
  (await bench.call('GET', `/v1/dead-letters${query}`, { key })).json();
const redrive = (id: string, key: string = KEYS.ada): ReturnType<Bench['call']> =>
  bench.call('POST', `/v1/dead-letters/${id}/redrive`, { key });

describe('dead letters', () => {
  it('are the jobs that used up their attempts, as they ended', async () => {
    await open();
    bench.addWorker();
    expect(await list()).toEqual({ letters: [], next: null });
    const id = await bury();
    const fine = await bench.submit();
    await bench.finish(fine.id);
    const { letters } = await list();
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ id, stage: 'failed', attempt: 1, error: { code: 'tool_error' } });
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().stage).toBe('failed');
  });

  it('come in pages', async () => {
    await open();
    bench.addWorker();
    const ids = [await bury(), await bury(), await bury()];
    const first = await list('?limit=2');
    expect(first.letters.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await list(`?limit=2&after=${first.next}`);
    expect([second.letters.map(({ id }) => id), second.next]).toEqual([ids.slice(2), null]);
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=ten',
    'limit=1.5',
    'limit=',
    'after=-1',
    'after=x',
    'after=',
    'limit=1&limit=2',
  ])('invalid_request: %s', async (query) => {
    await open();
    expectRefusal(await bench.call('GET', `/v1/dead-letters?${query}`), 'invalid_request', undefined);
  });

  it('do not exist for another tenant', async () => {
    await open();
    bench.addWorker();
    const id = await bury();
    expect(await list('', KEYS.bob)).toEqual({ letters: [], next: null });
    expectRefusal(await redrive(id, KEYS.bob), 'not_found', undefined);
    expect((await list()).letters).toHaveLength(1);
    expect(bench.engine.counts.queued).toBe(0);
  });

  it('not_found: one that is not there, also where the id is a job that is well', async () => {
    await open();
    const { id } = await bench.submit();
    for (const other of [NOBODYS_JOB, id, '17']) expectRefusal(await redrive(other), 'not_found', undefined);
  });

  it('outcome_unavailable: while they cannot be read', async () => {
    await open();
    bench.addWorker();
    const id = await bury();
    for (const trouble of ['away', 'unopened'] as const) {
      bench.outcomes.away = trouble === 'away';
      bench.deadAway = trouble === 'unopened';
      expectRefusal(await bench.call('GET', '/v1/dead-letters'), 'outcome_unavailable', '1');
      expectRefusal(await redrive(id), 'outcome_unavailable', '1');
    }
  });
});

describe('a redrive', () => {
  it('is a new job with the same arguments, limits and retries, without the times of the old one', async () => {
    await open();
    bench.addWorker();
    const more = { timeoutMs: 777, delayMs: 50, deadlineMs: 60_000 };
    const made = bench.submit({ ...JOB, maxAttempts: 1, retry: RETRY, ...more });
    const { id } = await made;
    await bench.clock.advance(50);
    await bench.finish(id, FAILED);
    await until(() => bench.outcomes.letters.has(id));
    const answer = await redrive(id);
    const job = answer.json<JobView>();
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/v1/jobs/${job.id}`);
    expect(job).toMatchObject({
      redriveOf: id,
      runAt: null,
      deadlineAt: null,
      timeoutMs: 777,
      maxAttempts: 1,
    });
    expect(job.id).not.toBe(id);
    expect((await list()).letters).toEqual([]);
    await until(() => bench.runs.some((run) => run.id === job.id));
    expect(bench.runs.at(-1)?.payload).toEqual(bench.runs[0]?.payload);
    // It fails again: a letter of its own, with a redrive of its own.
    await bench.finish(job.id, FAILED);
    await until(() => bench.outcomes.letters.has(job.id));
    expect((await redrive(job.id)).json()).toMatchObject({ redriveOf: job.id, stage: 'queued' });
  });

  it('of one letter is one job: two at once, and again when the letter could not be taken away', async () => {
    await open();
    bench.addWorker();
    const id = await bury();
    bench.outcomes.stuck = true;
    expectRefusal(await redrive(id), 'outcome_unavailable', '1');
    await until(() => bench.runs.length === 2);
    const again = bench.runs[1]?.id ?? '';
    await bench.finish(again);
    bench.outcomes.stuck = false;
    const answers = await Promise.all([redrive(id), redrive(id)]);
    for (const answer of answers) expect(answer.json()).toMatchObject({ id: again, stage: 'succeeded' });
    expect(bench.runs).toHaveLength(2);
    expectRefusal(await redrive(id), 'not_found', undefined);
  });

  it('keeps the letter when it is refused', async () => {
    await open({ queuedMax: 1 });
    bench.addWorker();
    const id = await bury();
    const [running] = [await bench.submit(), await bench.submit()];
    expectRefusal(await redrive(id), 'queue_full', '5');
    expect((await list()).letters).toHaveLength(1);
    await bench.finish(running.id);
    await until(() => bench.engine.counts.queued === 0);
    expect((await redrive(id)).statusCode).toBe(202);
  });

  it('cannot be made by a key of a tenant, nor be mistaken for one', async () => {
    await open();
    bench.addWorker();
    const id = await bury();
    expectRefusal(await bench.post(JOB, `redrive ${id}`), 'invalid_request', undefined);
    expect((await bench.post(JOB, `redrive-${id}`)).headers['idempotent-replayed']).toBeUndefined();
    expect((await redrive(id)).json<JobView>().redriveOf).toBe(id);
  });
});
