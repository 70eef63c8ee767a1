/**
 * What operators set, over HTTP on three coordinators with real NATS and Redis: it acts on every gateway within a second, and
 * outlives a restart of everything.
 */
import { readStream, startLab, type Lab } from '@zerofleet/launch';
import { decodeCommit, type JobView, type NewKeyView, type Problem, type WhyView } from '@zerofleet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../fleet/eventually.js';
import { testSession } from '../../fleet/session.js';

/** A change acts everywhere within this, in ms. */
const EFFECTIVE_MS = 1_000;
const JOB = { tool: 'echo', arguments: { text: 'x' } };
const MINUTE_MS = 60_000;
const session = testSession();
let lab: Lab;
let keys: readonly string[];
beforeAll(async () => {
  lab = await startLab(session, { coordinators: 3, workers: 1, tenants: ['ada', 'bob', 'cy', 'dan'] });
  keys = lab.tenants.map(({ apiKey }) => apiKey);
});
afterAll(() => session.close());

const call = async (
  at: number,
  method: string,
  path: string,
  key: string,
  body?: object,
): Promise<Response> =>
  fetch(`${lab.coordinators[at]?.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const operate = async (method: string, path: string, body?: object): Promise<Response> => {
  const answer = await call(0, method, path, lab.operatorKey, body);
  expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
  return answer;
};
const submit = (at: number, key: string): Promise<Response> => call(at, 'POST', '/v1/jobs', key, JOB);
const everywhere = [0, 1, 2];

/** How long it took until every gateway answered as `holds` wants, from the answer to the change on, in ms. */
const untilEverywhere = async (what: string, holds: (at: number) => Promise<boolean>): Promise<number> => {
  const beganMs = performance.now();
  await Promise.all(
    everywhere.map((at) =>
      eventually(`${what} at ${at}`, async () => ((await holds(at)) ? true : undefined), 10_000, 10),
    ),
  );
  return performance.now() - beganMs;
};

/** Times of runs of the schedule that are in the ledger, Unix ms, in order. */
const runsOf = async (): Promise<readonly number[]> => {
  const { connection } = await lab.connect();
  const times: number[] = [];
  await readStream(connection, 'ZF_LEDGER_s0', (data) => {
    const commit = decodeCommit(data);
    if (!commit.ok) throw new Error(commit.reason);
    for (const event of commit.value.events)
      if (event.kind === 'accepted' && event.job.extras?.schedule !== undefined)
        times.push(event.job.extras.schedule.atMs);
  });
  return times.sort((a, b) => a - b);
};

describe('what operators set', () => {
  let scheduledAtMs = 0;
  it('a schedule begins', async () => {
    const set = await call(2, 'PUT', '/v1/schedules/often', keys[0] ?? '', { cron: '* * * * *', job: JOB });
    expect(set.status).toBe(201);
    scheduledAtMs = Date.now();
  });

  it('quotas act on every gateway within a second', async () => {
    const [ada = ''] = keys;
    await operate('PATCH', '/v1/admin/tenants/ada/quotas', { set: { payloadBytesMax: 10 } });
    const refused = await untilEverywhere('a quota', async (at) => (await submit(at, ada)).status === 413);
    await operate('PATCH', '/v1/admin/tenants/ada/quotas', { unset: ['payloadBytesMax'] });
    const taken = await untilEverywhere('no quota', async (at) => (await submit(at, ada)).status === 202);
    expect(Math.max(refused, taken)).toBeLessThan(EFFECTIVE_MS);
  });

  it('a key acts and is revoked on every gateway within a second, what it holds open included', async () => {
    const made = await operate('POST', '/v1/admin/tenants/bob/keys', { name: 'ci' });
    const { id, key } = (await made.json()) as NewKeyView;
    const acts = await untilEverywhere('a new key', async (at) => (await submit(at, key)).status === 202);
    await operate('PUT', '/v1/admin/pauses/tenant.bob', {});
    const job = (await (await submit(1, key)).json()) as JobView;
    const stream = await call(1, 'GET', `/v1/jobs/${job.id}/events`, key);
    expect(stream.status).toBe(200);
    await operate('DELETE', `/v1/admin/tenants/bob/keys/${id}`);
    const beganMs = performance.now();
    const ended = stream
      .text()
      .catch(() => undefined)
      .then(() => performance.now() - beganMs);
    const gone = await untilEverywhere('a revoked key', async (at) => (await submit(at, key)).status === 401);
    expect(Math.max(acts, gone)).toBeLessThan(EFFECTIVE_MS);
    expect(await ended).toBeLessThan(EFFECTIVE_MS);
    await operate('DELETE', '/v1/admin/pauses/tenant.bob');
  });

  it('a submit rate holds across gateways, and its Retry-After is right within a quarter', async () => {
    const cy = keys[2] ?? '';
    await operate('PATCH', '/v1/admin/tenants/cy/quotas', {
      set: { submitRate: { perSecond: 0.2, burst: 3 } },
    });
    let accepted = 0;
    let refused: Response | undefined;
    for (let n = 0; refused === undefined && n < 10; n += 1) {
      const answer = await submit(n % 3, cy);
      if (answer.status === 202) accepted += 1;
      else refused = answer;
    }
    expect(accepted).toBeLessThanOrEqual(3);
    expect(refused?.status).toBe(429);
    const beganMs = performance.now();
    const { retryAfterMs = 0 } = (await refused?.json()) as Problem;
    const headerMs = 1_000 * Number(refused?.headers.get('retry-after'));
    expect(refused?.headers.get('ratelimit-policy')).toBe('"submit";q=3;w=15');
    // Asked at all three without a pause: nothing is taken before its time.
    const tookMs = await eventually(
      'room again',
      async () => {
        for (const at of everywhere)
          if ((await submit(at, cy)).status === 202) return performance.now() - beganMs;
        return undefined;
      },
      20_000,
      20,
    );
    // The header has whole seconds, and never too few.
    const mostMs = Math.max(1.25 * tookMs, 1_000 * Math.ceil(tookMs / 1_000));
    for (const told of [retryAfterMs, headerMs]) {
      expect(told).toBeGreaterThan(0.75 * tookMs);
      expect(told).toBeLessThanOrEqual(mostMs);
    }
  });

  it('with Redis away nothing changes but the shedding', async () => {
    const dan = keys[3] ?? '';
    await operate('PATCH', '/v1/admin/tenants/dan/quotas', {
      set: { submitRate: { perSecond: 0.05, burst: 2 } },
    });
    await lab.redis?.part.stop();
    const answers = await Promise.all(
      everywhere.flatMap((at) => [submit(at, dan), submit(at, dan), submit(at, dan)]),
    );
    const taken = answers.filter(({ status }) => status === 202).length;
    expect(taken).toBeLessThanOrEqual(2);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(answers.length - taken);
    await lab.redis?.part.start(session.signal);
  });

  it('a pause acts within a second, and outlives a restart of everything', async () => {
    const [ada = ''] = keys;
    await operate('PUT', '/v1/admin/pauses/tool.echo', { reason: 'a rehearsal' });
    // Well after the answer: what starts from now on would start in spite of it.
    const first = (await (await submit(1, ada)).json()) as JobView;
    const why = async (id: string): Promise<WhyView> =>
      (await (await call(2, 'GET', `/v1/jobs/${id}/why`, ada)).json()) as WhyView;
    expect((await why(first.id)).waiting?.reason).toBe('paused');
    const parts = [...lab.workers, ...lab.coordinators.map(({ part }) => part), ...lab.nats.parts];
    for (const part of parts) await part.stop();
    await lab.redis?.part.stop();
    await lab.redis?.part.start(session.signal);
    for (const part of [...parts].reverse()) await part.start(session.signal);
    const paused = await eventually('a leader', async () => {
      const view = await why(first.id).catch(() => undefined);
      return view?.waiting?.reason === undefined ? undefined : view;
    });
    expect(paused.waiting?.reason).toBe('paused');
    await eventually('a worker', async () => {
      const status = (await (await call(0, 'GET', '/v1/status', ada)).json()) as {
        workers?: { ready: number };
      };
      return status.workers?.ready === 1 ? true : undefined;
    });
    const second = (await (await call(0, 'POST', '/v1/jobs?wait=1s', ada, JOB)).json()) as JobView;
    expect(second.stage).toBe('queued');
    const resumedMs = performance.now();
    await operate('DELETE', '/v1/admin/pauses/tool.echo');
    for (const { id } of [first, second]) {
      const ended = (await (await call(2, 'GET', `/v1/jobs/${id}?wait=10s`, ada)).json()) as JobView;
      expect(ended.stage).toBe('succeeded');
    }
    expect(performance.now() - resumedMs).toBeLessThan(EFFECTIVE_MS);
  });

  it('and that schedule ran every minute once, over all of this and the death of a leader', async () => {
    const leader = await eventually('a leader', () => lab.leader());
    lab.coordinators[leader]?.part.kill('SIGKILL');
    const first = (Math.floor(scheduledAtMs / MINUTE_MS) + 1) * MINUTE_MS;
    const runs = await eventually(
      'the run after the next full minute',
      async () => {
        const times = await runsOf();
        const over = times.filter((atMs) => atMs <= Date.now());
        return over.length >= 1 && (times.at(-1) ?? 0) > Date.now() ? times : undefined;
      },
      90_000,
      500,
    );
    expect(runs).toEqual(runs.map((_, n) => first + n * MINUTE_MS));
  }, 120_000);
});
