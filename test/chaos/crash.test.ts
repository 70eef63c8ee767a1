/**
 * kill -9 of one part while a thousand jobs run: every job whose id the client holds gets exactly one outcome. The client's
 * own list is the truth; what the fleet says is audited against it, id by id.
 */
import { describe, expect, inject, it } from 'vitest';
import { containerOf, killService, readLedger, type SwarmService } from '@zerofleet/launch';
import type { JobView, Problem } from '@zerofleet/protocol';
import { FINAL_STAGES } from '@zerofleet/protocol';
import { clientOf, raw } from '../fleet/client.js';
import { eventually } from '../fleet/eventually.js';

const JOBS = 1_000;
const SUBMITTERS = 16;
const AUDITORS = 16;

/** Runs `work` over `items` with so many at a time. */
const inParallel = async <T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const queue = [...items];
  const one = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, one));
};

/** Submits until JOBS are accepted; what was not taken is offered again, what may have been taken is looked up. */
const submitAll = async (accepted: Map<string, string>): Promise<void> => {
  await inParallel(
    Array.from({ length: JOBS }, (_, n) => n),
    SUBMITTERS,
    async (n) => {
      const text = `job ${n}`;
      const body = JSON.stringify({ tool: 'echo', arguments: { text, delayMs: n % 40 } });
      await eventually(
        `job ${n} accepted`,
        async () => {
          const answer = await raw('/v1/jobs', { method: 'POST', body }).catch(() => undefined);
          if (answer === undefined) return undefined;
          if (answer.status === 202) {
            const { id } = (await answer.json()) as JobView;
            accepted.set(id, text);
            return true;
          }
          const problem = (await answer.json()) as Problem;
          expect(answer.status, problem.detail).toBeGreaterThanOrEqual(500);
          expect(answer.headers.get('retry-after')).not.toBeNull();
          return undefined;
        },
        120_000,
        200,
      );
    },
  );
};

const auditAll = async (accepted: ReadonlyMap<string, string>): Promise<void> => {
  const client = clientOf(0);
  const wrong: string[] = [];
  await inParallel([...accepted], AUDITORS, async ([id, text]) => {
    const job = await client.wait(id, { timeoutMs: 180_000 });
    if (
      !FINAL_STAGES.has(job.stage) ||
      job.stage !== 'succeeded' ||
      JSON.stringify(job.result) !== JSON.stringify({ text })
    )
      wrong.push(`${id}: ${job.stage} ${JSON.stringify(job.result)} ${JSON.stringify(job.error)}`);
  });
  expect(wrong).toEqual([]);
  const outcomes = new Map<string, number>();
  await readLedger(inject('fleet').stack, (commit) => {
    for (const event of commit.events)
      if (event.kind === 'finished') outcomes.set(event.id, (outcomes.get(event.id) ?? 0) + 1);
  });
  const twice = [...accepted.keys()].filter((id) => (outcomes.get(id) ?? 0) > 1);
  expect(twice).toEqual([]);
};

describe('kill -9 under a thousand jobs', () => {
  it.each<SwarmService>(['coordinator', 'worker', 'nats', 'redis', 'broker'])(
    'of %s loses and doubles nothing',
    async (service) => {
      const { stack } = inject('fleet');
      const accepted = new Map<string, string>();
      const submitting = submitAll(accepted);
      await eventually(
        'a third accepted',
        async () => (accepted.size > JOBS / 3 ? true : undefined),
        120_000,
        5,
      );
      const before = await containerOf(stack, service);
      await killService(stack, service);
      await submitting;
      await eventually(
        `${service} is back`,
        async () => {
          const now = await containerOf(stack, service);
          return now !== undefined && now !== before ? true : undefined;
        },
        60_000,
        200,
      );
      expect(accepted.size).toBe(JOBS);
      await auditAll(accepted);
    },
  );

  it('NATS down: 503 with Retry-After, and accepted again when it is back', async () => {
    const { stack } = inject('fleet');
    await killService(stack, 'nats');
    const refusal = await eventually(
      'a refusal',
      async () => {
        const answer = await raw('/v1/jobs', {
          method: 'POST',
          body: '{"tool":"echo","arguments":{"text":"x"}}',
        });
        return answer.status === 202 ? undefined : answer;
      },
      5_000,
      10,
    );
    expect(refusal.status).toBe(503);
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    await eventually(
      'accepted again',
      async () => {
        const answer = await raw('/v1/jobs', {
          method: 'POST',
          body: '{"tool":"echo","arguments":{"text":"x"}}',
        });
        return answer.status === 202 ? true : undefined;
      },
      60_000,
      200,
    );
  });
});
