/** Cancel, in every state a job can be in. */
import { describe, expect, it } from 'vitest';
import { clientOf, raw } from '../fleet/client.js';
import { eventually } from '../fleet/eventually.js';

const client = clientOf(0);
const sleeper = (seconds: number): Parameters<typeof client.submit>[0] => ({
  tool: 'code_execution',
  arguments: { runtime: 'terminal', code: `echo started; sleep ${seconds}` },
});

describe('cancel', () => {
  it('ends a running job', async () => {
    const { id } = await client.submit(sleeper(60));
    await eventually('running', async () => ((await client.get(id)).stage === 'running' ? true : undefined));
    const began = Date.now();
    await client.cancel(id);
    const job = await client.wait(id, { timeoutMs: 20_000 });
    expect(job).toMatchObject({ stage: 'cancelled', error: { code: 'cancelled' } });
    expect(Date.now() - began).toBeLessThan(6_000);
  });

  it('ends a queued job at once, and it never runs', async () => {
    const { workers } = await client.status();
    const fill = Math.floor(workers.freeCpuMilli / 1_000) + 2;
    const jobs = await Promise.all(Array.from({ length: fill }, () => client.submit(sleeper(60))));
    const { id } = await client.submit({ tool: 'echo', arguments: { text: 'never' } });
    expect((await client.get(id)).stage).toBe('queued');
    await client.cancel(id);
    expect(await client.get(id)).toMatchObject({ stage: 'cancelled', attempt: 0 });
    for (const job of jobs) await client.cancel(job.id);
    for (const job of jobs)
      expect((await client.wait(job.id, { timeoutMs: 20_000 })).stage).toBe('cancelled');
    expect(await client.get(id)).toMatchObject({ stage: 'cancelled', attempt: 0 });
  });

  it('leaves a finished job as it is', async () => {
    const done = await client.submit({ tool: 'echo', arguments: { text: 'x' } }, { waitMs: 30_000 });
    expect(await client.cancel(done.id)).toMatchObject({ stage: 'succeeded' });
  });

  it('of an unknown job is a 404', async () => {
    const answer = await raw('/v1/jobs/019b0000-0000-7000-8000-000000000000/cancel', { method: 'POST' });
    expect(answer.status).toBe(404);
  });
});
