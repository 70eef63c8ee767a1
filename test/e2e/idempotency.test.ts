/** Idempotency keys on a real fleet: one job however often it is sent, and the tenant's own. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { JobView, Problem } from '@zerofleet/protocol';
import { clientKey, clientOf, outputOf, raw } from '../fleet/client.js';

const JOB = { tool: 'echo', arguments: { text: 'once' } };

interface Posted {
  readonly status: number;
  readonly replayed: string | null;
  readonly body: JobView & Problem;
}

const post = async (key: string, body: object = JOB, apiKey?: string, query = ''): Promise<Posted> => {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'idempotency-key': key } };
  const answer = await raw(`/v1/jobs${query}`, init, apiKey);
  const replayed = answer.headers.get('idempotent-replayed');
  return { status: answer.status, replayed, body: (await answer.json()) as JobView & Problem };
};

describe('an idempotency key', () => {
  it('is one job, while it runs and after its end', async () => {
    const key = randomUUID();
    const job = { tool: 'code_execution', arguments: { runtime: 'terminal', code: 'echo ran; sleep 1' } };
    const first = await post(key, job);
    expect([first.status, first.replayed]).toEqual([202, null]);
    const running = await post(key, { arguments: job.arguments, tool: job.tool });
    expect([running.status, running.replayed, running.body.id]).toEqual([202, 'true', first.body.id]);
    const done = await clientOf(0).wait(first.body.id, { timeoutMs: 30_000 });
    const ended = await post(key, job, undefined, '?wait=5s');
    expect([ended.status, ended.replayed, ended.body.id]).toEqual([200, 'true', first.body.id]);
    expect(ended.body).toMatchObject({ stage: 'succeeded', attempt: 1, finishedAt: done.finishedAt });
    expect(outputOf(ended.body).toString()).toBe('ran\n');
  });

  it('makes one job of many submissions at once', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(key)));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
  });

  it('with another body is a conflict', async () => {
    const key = randomUUID();
    await post(key);
    const other = await post(key, { ...JOB, timeoutMs: 999 });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict']);
  });

  it('of another tenant is another job', async () => {
    const key = randomUUID();
    const mine = await post(key);
    const theirs = await post(key, JOB, clientKey(1));
    expect([theirs.status, theirs.replayed]).toEqual([202, null]);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it('that is none is refused', async () => {
    for (const key of ['two words', 'x'.repeat(256)]) {
      const answer = await post(key);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
    }
  });

  it('of the client joins two calls of it', async () => {
    const own = { idempotencyKey: randomUUID() };
    const [one, two] = await Promise.all([clientOf(0).submit(JOB, own), clientOf(0).submit(JOB, own)]);
    expect(two.id).toBe(one.id);
    expect((await clientOf(0).submit(JOB)).id).not.toBe(one.id);
  });
});
