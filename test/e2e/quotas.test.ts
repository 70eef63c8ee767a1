/** Quotas, classes and sessions on a real fleet, with jobs that take their time. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { JobView, Problem } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { clientOf, raw } from '../fleet/client.js';

const { apiUrl, operatorKey } = inject('fleet');
const operator = new ZerofleetClient({ urls: [apiUrl], apiKey: operatorKey });
const client = clientOf(1);
const TENANT = 'beta';
/** How long a job runs, in ms. */
const RUN_MS = 4_000;
const slow = (more: object = {}): string =>
  JSON.stringify({
    tool: 'echo',
    arguments: { text: 'x', repeat: 1, delayMs: RUN_MS },
    ...more,
  });
const post = (body: string): Promise<Response> =>
  raw('/v1/jobs', { method: 'POST', body }, inject('fleet').keys[1]);

describe('a queue that is full by quota', () => {
  beforeAll(async () => {
    await operator.admin.changeQuotas(TENANT, { set: { runningMax: 1, queuedMax: 2 } });
  });
  afterAll(async () => {
    await operator.admin.changeQuotas(TENANT, { unset: ['runningMax', 'queuedMax'] });
  });

  it('says within a quarter when there is room again', async () => {
    const told: { readonly saidMs: number; readonly tookMs: number }[] = [];
    const jobs: string[] = [];
    let refused: { readonly atMs: number; readonly saidMs: number } | undefined;
    // Every place is taken as soon as it is there; the first refusals come before anything is known of the pace.
    while (told.length < 5) {
      const answer = await post(slow());
      const atMs = performance.now();
      if (answer.status === 202) {
        jobs.push(((await answer.json()) as JobView).id);
        if (refused !== undefined) told.push({ saidMs: refused.saidMs, tookMs: atMs - refused.atMs });
        refused = undefined;
        continue;
      }
      expect(answer.status).toBe(429);
      const { code, retryAfterMs } = (await answer.json()) as Problem;
      expect(code).toBe('quota_queued');
      expect(Number(answer.headers.get('retry-after'))).toBe(Math.ceil((retryAfterMs ?? 0) / 1_000));
      refused ??= { atMs, saidMs: retryAfterMs ?? 0 };
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    const known = told.slice(2);
    const errors = known
      .map(({ saidMs, tookMs }) => Math.abs(saidMs - tookMs) / tookMs)
      .sort((a, b) => a - b);
    expect(errors[Math.floor(errors.length / 2)], JSON.stringify(told)).toBeLessThanOrEqual(0.25);
    const last = jobs.at(-1) ?? '';
    const why = await client.why(last);
    expect(why.waiting).toMatchObject({ reason: 'quota', quota: 'running' });
    for (const id of jobs) await client.cancel(id);
  }, 90_000);
});

describe('jobs of one session', () => {
  it('run one after the other, in order, whatever else there is room for', async () => {
    const times = await Promise.all(
      [0, 1, 2].map(async (n) => {
        const job = await client.submit({
          tool: 'echo',
          arguments: { text: String(n), repeat: 1, delayMs: 300 },
          session: 'desk',
        });
        return client.wait(job.id);
      }),
    );
    const spans = times
      .map((job) => [Date.parse(job.startedAt ?? ''), Date.parse(job.finishedAt ?? '')] as const)
      .sort((a, b) => a[0] - b[0]);
    for (const [n, [startedMs]] of spans.entries())
      if (n > 0) expect(startedMs).toBeGreaterThanOrEqual(spans[n - 1]?.[1] ?? Infinity);
    expect(times[0]).toMatchObject({ session: 'desk', class: 'normal' });
  });
});

describe('a class above the highest', () => {
  it('is refused, and the default follows it down', async () => {
    await operator.admin.changeQuotas(TENANT, { set: { ceiling: 'batch' } });
    expect((await post(slow({ class: 'high' }))).status).toBe(422);
    const job = await client.submit({ tool: 'echo', arguments: { text: 'x' } }, { waitMs: 30_000 });
    expect(job).toMatchObject({ stage: 'succeeded', class: 'batch' });
    await operator.admin.changeQuotas(TENANT, { unset: ['ceiling'] });
    expect(
      (await client.submit({ tool: 'echo', arguments: { text: 'x' }, class: 'interactive' })).class,
    ).toBe('interactive');
  });
});
