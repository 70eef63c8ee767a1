import { afterEach, describe, expect, it } from 'vitest';
import { ZerofleetClient, type ClientOptions } from './client.js';
import {
  BadOptionError,
  ProblemError,
  SubmissionAmbiguousError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.js';
import {
  cut,
  JOB_ID,
  jobView,
  json,
  problem,
  QuickClock,
  refusedUrl,
  scriptedServer,
  type Handler,
  type ScriptedServer,
} from './scripted-server.test.helper.js';

const open: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const serve = async (...handlers: Handler[]): Promise<ScriptedServer> => {
  const server = await scriptedServer(...handlers);
  open.push(server);
  return server;
};

const clientOf = (urls: string[], more: Partial<ClientOptions> = {}): ZerofleetClient =>
  new ZerofleetClient({ urls, apiKey: 'zf_key', clock: new QuickClock(), random: () => 0.5, ...more });

const accepted = json(202, jobView('queued'));

describe('submit', () => {
  it('sends the job and the key, and gives the view', async () => {
    const server = await serve(accepted);
    const job = await clientOf([`${server.url}/`]).submit(
      { tool: 'echo', arguments: { text: 'hi' } },
      { waitMs: 500 },
    );
    expect(job.id).toBe(JOB_ID);
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      url: '/v1/jobs?wait=500ms',
      body: '{"tool":"echo","arguments":{"text":"hi"}}',
      headers: { authorization: 'Bearer zf_key', 'content-type': 'application/json' },
    });
  });

  it('goes on to the next URL when the connection was refused', async () => {
    const server = await serve(accepted);
    const client = clientOf([await refusedUrl(), server.url]);
    expect((await client.submit({ tool: 'echo' })).stage).toBe('queued');
    expect(server.seen).toHaveLength(1);
  });

  it('sends the same key at every try of a call, and another one at the next call', async () => {
    const server = await serve(cut, accepted);
    const client = clientOf([server.url]);
    await client.submit({ tool: 'echo' });
    await client.submit({ tool: 'echo' });
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it("sends its caller's own key, and refuses one that cannot be sent", async () => {
    const server = await serve(accepted);
    const client = clientOf([server.url]);
    await client.submit({ tool: 'echo' }, { idempotencyKey: 'order-17' });
    expect(server.seen[0]?.headers['idempotency-key']).toBe('order-17');
    for (const idempotencyKey of ['', 'a b', 'é', 'a\n', 'x'.repeat(256)])
      await expect(client.submit({ tool: 'echo' }, { idempotencyKey })).rejects.toThrow(BadOptionError);
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['a connection that broke', cut],
    ['504 acceptance_unknown', problem(504, 'acceptance_unknown', { location: `/v1/jobs/${JOB_ID}` })],
    ['a gateway that is not ours', json(502, 'bad gateway')],
    ['503 of another code', problem(503, 'too_many_waiters')],
  ])('is sent again, to the next URL too, after %s', async (_, handler) => {
    const [first, second] = [await serve(handler), await serve(handler, accepted)];
    const client = clientOf([first.url, second.url]);
    expect((await client.submit({ tool: 'echo' }, { waitMs: 100 })).id).toBe(JOB_ID);
    const seen = [...first.seen, ...second.seen];
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(
      new Set(seen.map(({ url, body, headers }) => JSON.stringify([url, body, headers['idempotency-key']])))
        .size,
    ).toBe(1);
  });

  it.each([
    ['nothing but broken connections', [cut]],
    ['a refusal after a broken connection', [cut, problem(503, 'queue_full')]],
    ['a final refusal after a broken connection', [cut, problem(401, 'unauthorized')]],
    [
      'a conflict after an unclear answer',
      [problem(504, 'acceptance_unknown'), problem(409, 'idempotency_conflict')],
    ],
  ])('stays unclear when the budget ends with %s', async (_, handlers) => {
    const server = await serve(...handlers);
    const sent = clientOf([server.url]).submit({ tool: 'echo' });
    await expect(sent).rejects.toBeInstanceOf(SubmissionAmbiguousError);
    expect(server.seen.length).toBeGreaterThan(1);
  });

  it('was surely not accepted when every try was refused or never arrived', async () => {
    const server = await serve(problem(503, 'no_leader'));
    const sent = clientOf([await refusedUrl(), server.url]).submit({ tool: 'echo' });
    await expect(sent).rejects.toMatchObject({ code: 'no_leader' });
    await expect(clientOf([await refusedUrl()]).submit({ tool: 'echo' })).rejects.toBeInstanceOf(
      UnreachableError,
    );
  });

  it('counts its budget from the first failure, however long the first try took', async () => {
    const clock = new QuickClock();
    const late: Handler = (seen, reply) => {
      clock.pass(60_000);
      cut(seen, reply);
    };
    const server = await serve(late, accepted);
    await clientOf([server.url], { clock }).submit({ tool: 'echo' }, { waitMs: 60_000 });
    expect(server.seen).toHaveLength(2);
  });

  it.each(['no_leader', 'queue_full', 'ledger_full', 'ledger_unavailable', 'blobs_full', 'index_rebuilding'])(
    'waits for Retry-After and sends again after 503 %s',
    async (code) => {
      const server = await serve(problem(503, code, { 'retry-after': '3' }), accepted);
      const clock = new QuickClock();
      await clientOf([server.url], { clock }).submit({ tool: 'echo' });
      expect(clock.pauses).toEqual([3_050]);
      expect(server.seen).toHaveLength(2);
      expect(server.seen[1]?.headers['idempotency-key']).toBe(server.seen[0]?.headers['idempotency-key']);
      const refusing = await serve(problem(503, code));
      const sent = clientOf([refusing.url]).submit({ tool: 'echo' }, { retryBudgetMs: 0 });
      await expect(sent).rejects.toMatchObject({ name: 'ProblemError', code });
    },
  );

  it('asks the next URL at once when only this coordinator does not lead', async () => {
    const [standby, leader] = [
      await serve(problem(503, 'no_leader', { 'retry-after': '1' })),
      await serve(accepted),
    ];
    const clock = new QuickClock();
    await clientOf([standby.url, leader.url], { clock }).submit({ tool: 'echo' });
    expect(clock.pauses).toEqual([]);
  });

  it('gives up when Retry-After does not fit the budget', async () => {
    const server = await serve(problem(503, 'queue_full', { 'retry-after': '5' }), accepted);
    const sent = clientOf([server.url]).submit({ tool: 'echo' }, { retryBudgetMs: 4_000 });
    await expect(sent).rejects.toMatchObject({ code: 'queue_full', status: 503, retryAfterMs: 5_000 });
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['a wrong job', problem(422, 'unknown_tool'), ProblemError],
    ['a key used for another body', problem(409, 'idempotency_conflict'), ProblemError],
    ['a bug of the fleet', problem(500, 'internal'), ProblemError],
    ['a gateway that broke', json(500, 'oops'), SubmissionAmbiguousError],
    ['an accepted job whose view does not parse', json(202, {}), SubmissionAmbiguousError],
    ['a redirect', json(307, {}, { location: 'http://elsewhere/' }), UnexpectedAnswerError],
  ])('is not repeated after %s', async (_, handler, kind) => {
    const server = await serve(handler);
    await expect(clientOf([server.url]).submit({ tool: 'echo' })).rejects.toBeInstanceOf(kind);
    expect(server.seen).toHaveLength(1);
  });

  it('looks the job up when no try brought an answer but one named it', async () => {
    const unknown = problem(504, 'acceptance_unknown', { location: `/v1/jobs/${JOB_ID}` });
    const server = await serve(unknown, json(200, jobView('running')));
    const sent = clientOf([server.url]).submit({ tool: 'echo' }, { waitMs: 1_000, retryBudgetMs: 0 });
    expect((await sent).stage).toBe('running');
    expect(server.seen[1]).toMatchObject({ method: 'GET', url: `/v1/jobs/${JOB_ID}?wait=1000ms` });
  });

  it('names the job where it cannot be looked up', async () => {
    const server = await serve(
      problem(504, 'acceptance_unknown', { location: `/v1/jobs/${JOB_ID}` }),
      problem(404, 'not_found'),
    );
    const sent = clientOf([server.url]).submit({ tool: 'echo' }, { retryBudgetMs: 0 });
    await expect(sent).rejects.toMatchObject({ code: 'submission_ambiguous', jobId: JOB_ID });
  });
});

describe('submit to a fleet between two releases', () => {
  const upgrading = problem(503, 'upgrading', { 'retry-after': '20' });

  it('is sent without a key at once, and never again once that may have been accepted', async () => {
    const server = await serve(upgrading, accepted, upgrading, cut, accepted);
    const clock = new QuickClock();
    const client = clientOf([server.url], { clock });
    expect((await client.submit({ tool: 'echo' })).id).toBe(JOB_ID);
    await expect(client.submit({ tool: 'echo' })).rejects.toBeInstanceOf(SubmissionAmbiguousError);
    expect(server.seen.map(({ headers }) => headers['idempotency-key'] === undefined)).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(clock.pauses).toEqual([]);
  });

  it('is not sent without a key when a try with one was unclear', async () => {
    const server = await serve(cut, upgrading, accepted);
    await expect(clientOf([server.url]).submit({ tool: 'echo' })).rejects.toBeInstanceOf(
      SubmissionAmbiguousError,
    );
    expect(server.seen).toHaveLength(2);
  });

  it("waits with its caller's own key, and is refused where that takes too long", async () => {
    const server = await serve(upgrading, accepted);
    const own = { idempotencyKey: 'mine' };
    await clientOf([server.url]).submit({ tool: 'echo' }, { ...own, retryBudgetMs: 60_000 });
    expect(server.seen.map(({ headers }) => headers['idempotency-key'])).toEqual(['mine', 'mine']);
    const busy = await serve(upgrading);
    await expect(clientOf([busy.url]).submit({ tool: 'echo' }, own)).rejects.toMatchObject({
      code: 'upgrading',
    });
    expect(busy.seen).toHaveLength(1);
  });
});

describe('dead letters', () => {
  const REDRIVE = `/v1/dead-letters/${JOB_ID}/redrive`;

  it('come in pages', async () => {
    const page = { letters: [jobView('failed')], next: 9 };
    const server = await serve(
      json(200, page),
      json(200, { letters: [], next: null }),
      json(200, { letters: [{}] }),
    );
    const client = clientOf([server.url]);
    expect(await client.deadLetters()).toEqual(page);
    expect(await client.deadLetters({ limit: 5, after: 9 })).toEqual({ letters: [], next: null });
    expect(server.seen.map(({ url }) => url)).toEqual([
      '/v1/dead-letters',
      '/v1/dead-letters?limit=5&after=9',
    ]);
    await expect(client.deadLetters()).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it('are redriven, again after an answer that was lost', async () => {
    const server = await serve(cut, accepted);
    expect((await clientOf([server.url]).redrive(JOB_ID)).id).toBe(JOB_ID);
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array(2).fill(`POST ${REDRIVE}`),
    );
  });

  it('that are gone after such an answer may have been redriven by it', async () => {
    const gone = problem(404, 'not_found');
    const client = clientOf([(await serve(cut, gone)).url]);
    await expect(client.redrive(JOB_ID)).rejects.toBeInstanceOf(SubmissionAmbiguousError);
    await expect(client.redrive(JOB_ID)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('calls that may be repeated', () => {
  it('fail over after a broken answer and after a 503, and stay with the URL that answered', async () => {
    const broken = await serve(cut);
    const busy = await serve(problem(503, 'no_leader'));
    const good = await serve(json(200, jobView('running')));
    const client = clientOf([broken.url, busy.url, good.url]);
    await client.get(JOB_ID);
    await client.cancel(JOB_ID);
    expect([broken.seen.length, busy.seen.length, good.seen.length]).toEqual([1, 1, 2]);
    expect(good.seen[1]).toMatchObject({ method: 'POST', url: `/v1/jobs/${JOB_ID}/cancel` });
  });

  it('end with the reason when the budget is used up', async () => {
    const url = await refusedUrl();
    const error = await clientOf([url])
      .status()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnreachableError);
    expect((error as UnreachableError).message).toContain('ECONNREFUSED');
  });

  it('are tried once with a budget of 0', async () => {
    const clock = new QuickClock();
    const server = await serve(problem(503, 'no_leader'));
    await expect(clientOf([server.url], { clock, retryBudgetMs: 0 }).tools()).rejects.toMatchObject({
      code: 'no_leader',
    });
    expect(clock.pauses).toEqual([]);
  });

  it('end at once with a refusal that a repeat would not change', async () => {
    const server = await serve(problem(401, 'unauthorized'));
    await expect(clientOf([server.url]).get(JOB_ID)).rejects.toMatchObject({
      code: 'unauthorized',
      status: 401,
    });
    expect(server.seen).toHaveLength(1);
  });

  it('end at once when the caller aborts', async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort(new Error('enough')));
    await expect(clientOf([server.url]).get(JOB_ID, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('give tools and status', async () => {
    const status = { version: '1', ledger: {}, workers: {}, jobs: {} };
    const server = await serve(
      json(200, { tools: [{ name: 'echo', version: 1 }] }),
      json(200, status),
      json(200, []),
    );
    const client = clientOf([server.url]);
    expect(await client.tools()).toEqual([{ name: 'echo', version: 1 }]);
    expect(await client.status()).toEqual(status);
    await expect(client.status()).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });
});

describe('wait', () => {
  it('repeats long polls until the job is final, with a pause where the answer came too early', async () => {
    const server = await serve(
      json(200, jobView('running')),
      problem(503, 'no_leader'),
      json(200, jobView('succeeded')),
    );
    const clock = new QuickClock();
    expect((await clientOf([server.url], { clock }).wait(JOB_ID)).stage).toBe('succeeded');
    expect(server.seen.map(({ url }) => url)).toEqual(Array(3).fill(`/v1/jobs/${JOB_ID}?wait=30000ms`));
    expect(clock.pauses).toEqual([50, 50]);
  });

  it('gives the job as it stands when the time is over', async () => {
    const server = await serve(json(200, jobView('running')));
    expect((await clientOf([server.url]).wait(JOB_ID, { timeoutMs: 200 })).stage).toBe('running');
  });
});

describe('options', () => {
  it.each([[[]], [['ftp://x']], [['nonsense']], [['http://a:b@x']], [['http://x/?q=1']]])(
    'refuses the URLs %j',
    (urls) => {
      expect(() => clientOf(urls)).toThrow(BadOptionError);
    },
  );

  it('refuses a key that is none, without repeating it', () => {
    expect(() => clientOf(['http://x'], { apiKey: 'se cret' })).toThrow(/^(?!.*cret).*$/);
  });
});
