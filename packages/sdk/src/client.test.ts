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

  it('never sends again after an ambiguous failure', async () => {
    const server = await serve(cut, accepted);
    const other = await serve(accepted);
    const error = await clientOf([server.url, other.url])
      .submit({ tool: 'echo' })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SubmissionAmbiguousError);
    expect(error).toMatchObject({ code: 'submission_ambiguous', jobId: undefined });
    expect(server.seen).toHaveLength(1);
    expect(other.seen).toHaveLength(0);
  });

  it.each(['no_leader', 'queue_full', 'ledger_full', 'ledger_unavailable'])(
    'waits for Retry-After and sends again after 503 %s',
    async (code) => {
      const server = await serve(problem(503, code, { 'retry-after': '3' }), accepted);
      const clock = new QuickClock();
      await clientOf([server.url], { clock }).submit({ tool: 'echo' });
      expect(clock.pauses).toEqual([3_050]);
      expect(server.seen).toHaveLength(2);
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
    ['503 of another code', problem(503, 'too_many_waiters'), ProblemError],
    ['a wrong job', problem(422, 'unknown_tool'), ProblemError],
    ['504 acceptance_unknown', problem(504, 'acceptance_unknown'), SubmissionAmbiguousError],
    ['a gateway that is not ours', json(502, 'bad gateway'), SubmissionAmbiguousError],
    ['an accepted job whose view does not parse', json(202, {}), SubmissionAmbiguousError],
    ['a redirect', json(307, {}, { location: 'http://elsewhere/' }), UnexpectedAnswerError],
  ])('is not repeated after %s', async (_, handler, kind) => {
    const server = await serve(handler);
    await expect(clientOf([server.url]).submit({ tool: 'echo' })).rejects.toBeInstanceOf(kind);
    expect(server.seen).toHaveLength(1);
  });

  it('looks the job up when a refusal came after its acceptance', async () => {
    const refused = problem(503, 'too_many_waiters', { location: `/v1/jobs/${JOB_ID}` });
    const server = await serve(refused, json(200, jobView('running')));
    expect((await clientOf([server.url]).submit({ tool: 'echo' }, { waitMs: 1_000 })).stage).toBe('running');
    expect(server.seen[1]).toMatchObject({ method: 'GET', url: `/v1/jobs/${JOB_ID}?wait=1000ms` });
  });

  it('names the job where it cannot be looked up', async () => {
    const server = await serve(
      problem(504, 'acceptance_unknown', { location: `/v1/jobs/${JOB_ID}` }),
      problem(404, 'not_found'),
    );
    await expect(clientOf([server.url]).submit({ tool: 'echo' })).rejects.toMatchObject({ jobId: JOB_ID });
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
