/** Delays, deadlines, retries and dead letters on a real fleet. */
import { describe, expect, it } from 'vitest';
import type { JobView } from '@zerofleet/protocol';
import { clientKey, clientOf, outputOf, raw } from '../fleet/client.js';
import { eventually } from '../fleet/eventually.js';

const client = clientOf(0);
const echo = (text: string): { tool: string; arguments: { text: string } } => ({
  tool: 'echo',
  arguments: { text },
});
const terminal = (code: string): { tool: string; arguments: { runtime: string; code: string } } => ({
  tool: 'code_execution',
  arguments: { runtime: 'terminal', code },
});
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const ended = (job: JobView): Promise<JobView> => client.wait(job.id, { timeoutMs: 30_000 });

/** Holds every slot of the fleet until the returned function is called. */
const fillFleet = async (): Promise<() => Promise<void>> => {
  const { workers } = await client.status();
  const count = Math.floor(workers.freeCpuMilli / 1_000) + 2;
  const jobs = await Promise.all(Array.from({ length: count }, () => client.submit(terminal('sleep 60'))));
  return async () => {
    for (const { id } of jobs) await client.cancel(id);
    for (const job of jobs) expect((await ended(job)).stage).toBe('cancelled');
  };
};

describe('a delay', () => {
  it('holds a job back until its time', async () => {
    const job = await client.submit({ ...echo('later'), delayMs: 1_500 });
    expect(job.stage).toBe('queued');
    const { stage, startedAt } = await ended(job);
    expect(stage).toBe('succeeded');
    expect(Date.parse(startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(job.runAt ?? ''));
    expect(Date.parse(startedAt ?? '') - Date.parse(job.runAt ?? '')).toBeLessThan(2_000);
  });

  it('may be a time, and one that has passed is none', async () => {
    const late = await client.submit({ ...echo('at'), runAt: inMs(1_000) });
    const now = await client.submit({ ...echo('now'), runAt: inMs(-60_000) });
    expect(now.runAt).toBeNull();
    expect(await ended(now)).toMatchObject({ stage: 'succeeded' });
    expect(await ended(late)).toMatchObject({ stage: 'succeeded' });
  });

  it('does not keep a job from being cancelled', async () => {
    const { id } = await client.submit({ ...echo('never'), delayMs: 3_600_000 });
    await client.cancel(id);
    expect(await client.get(id)).toMatchObject({ stage: 'cancelled', attempt: 0 });
  });
});

describe('a deadline', () => {
  it('ends a job that could not be started by then, and it never runs', async () => {
    const free = await fillFleet();
    const job = await client.submit({ ...echo('too late'), deadlineMs: 1_000 });
    const late = await ended(job);
    expect(late).toMatchObject({ stage: 'expired', attempt: 0, startedAt: null, error: { code: 'expired' } });
    await free();
    expect((await client.get(job.id)).stage).toBe('expired');
  });

  it('does not end a job that was started', async () => {
    const job = await ended(await client.submit({ ...terminal('sleep 2; echo done'), deadlineMs: 1_000 }));
    expect(job.stage).toBe('succeeded');
  });

  it.each([
    ['before the start', { delayMs: 5_000, deadlineMs: 1_000 }],
    ['with two times', { delayMs: 5_000, runAt: inMs(5_000) }],
    ['with a time without zone', { runAt: '2030-01-01T00:00:00' }],
  ])('is refused %s', async (_what, more) => {
    const body = JSON.stringify({ ...echo('x'), ...more });
    const answer = await raw('/v1/jobs', { method: 'POST', body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_request' });
  });
});

describe('a job that fails', () => {
  const failing = {
    ...terminal('echo tried; exit 3'),
    maxAttempts: 3,
    retry: { on: ['tool_error' as const], baseMs: 50, capMs: 100 },
  };

  it('is tried again within its attempts, then is a dead letter, and can be redriven once', async () => {
    const job = await ended(await client.submit(failing));
    expect(job).toMatchObject({ stage: 'failed', attempt: 3, exitCode: 3, error: { code: 'tool_error' } });
    expect(outputOf(job).toString()).toBe('tried\n');
    const { letters } = await client.deadLetters({ limit: 100 });
    expect(letters.find(({ id }) => id === job.id)).toMatchObject({ stage: 'failed', attempt: 3 });

    const path = `/v1/dead-letters/${job.id}/redrive`;
    const foreign = await raw(path, { method: 'POST' }, clientKey(1));
    expect(foreign.status).toBe(404);
    expect((await clientOf(1).deadLetters()).letters).toEqual([]);

    const [one, two] = await Promise.all([raw(path, { method: 'POST' }), raw(path, { method: 'POST' })]);
    const again = (await (one.ok ? one : two).json()) as JobView;
    expect(again).toMatchObject({ redriveOf: job.id, maxAttempts: 3 });
    // The slower one finds the same job, or the letter gone.
    if (one.ok && two.ok) expect(((await two.json()) as JobView).id).toBe(again.id);
    else expect([one.status, two.status].sort()).toEqual([202, 404]);
    expect((await raw(path, { method: 'POST' })).status).toBe(404);

    const repeated = await ended(again);
    expect(repeated).toMatchObject({ stage: 'failed', attempt: 3, redriveOf: job.id });
    const ids = (await client.deadLetters({ limit: 100 })).letters.map(({ id }) => id);
    expect(ids).toContain(repeated.id);
    expect(ids).not.toContain(job.id);
  });

  it('is not tried again for another cause, nor without a policy', async () => {
    for (const retry of [{ on: ['killed' as const] }, undefined]) {
      const { maxAttempts, tool, arguments: args } = failing;
      const submission = { tool, arguments: args, maxAttempts, ...(retry === undefined ? {} : { retry }) };
      const job = await ended(await client.submit(submission));
      expect(job).toMatchObject({ stage: 'failed', attempt: 1 });
      const { letters } = await client.deadLetters({ limit: 100 });
      expect(letters.map(({ id }) => id)).not.toContain(job.id);
    }
  });

  it('can be cancelled between two attempts', async () => {
    const retry = { on: ['tool_error' as const], baseMs: 86_400_000, capMs: 86_400_000 };
    const { id } = await client.submit({ ...failing, retry });
    const waiting = await eventually('between two attempts', async () => {
      const job = await client.get(id);
      return job.stage === 'queued' && job.attempt === 1 ? job : undefined;
    });
    expect(Date.parse(waiting.runAt ?? '')).toBeGreaterThan(Date.now() - 5_000);
    await client.cancel(id);
    expect(await client.get(id)).toMatchObject({ stage: 'cancelled', attempt: 1 });
  });
});
