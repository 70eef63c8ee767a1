/** The tenant API: what it refuses and how, and the life of a job through it. */
import { afterEach, describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX, type TenantId } from '@zerofleet/model';
import type { JobView, Problem } from '@zerofleet/protocol';
import type { LightMyRequestResponse } from 'fastify';
import { ACCEPT_WAIT_MS } from '../engine/intake.js';
import {
  Bench,
  DONE,
  expectRefusal,
  JOB,
  KEYS,
  NOBODYS_JOB,
  TOOL,
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

describe('refusals', () => {
  it.each([
    ['no key', 'GET', '/v1/status', ''],
    ['an unknown key', 'GET', '/v1/status', 'zf_nobody'],
    ['no key and a path that does not exist', 'GET', '/nowhere', ''],
  ] as const)('unauthorized: %s', async (_what, method, url, key) => {
    const answer = await (await open()).call(method, url, { key });
    expectRefusal(answer, 'unauthorized', undefined);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('looks at the key before it looks at the body', async () => {
    await open();
    const long = 'x'.repeat(BODY_BYTES_MAX + 1);
    for (const body of ['{not json', long])
      expectRefusal(await bench.call('POST', '/v1/jobs', { key: '', body }), 'unauthorized', undefined);
    const odd = await bench.call('POST', '/v1/jobs', { key: '', body: 'x', type: 'image/png' });
    expectRefusal(odd, 'unauthorized', undefined);
  });

  it.each([
    ['malformed_json', '{not json'],
    ['malformed_json', ''],
    ['invalid_request', '[]'],
    ['invalid_request', { ...JOB, color: 'red' }],
    ['invalid_request', { ...JOB, maxAttempts: 11 }],
    ['invalid_request', { ...JOB, timeoutMs: '5' }],
    ['invalid_request', { ...JOB, timeoutMs: 60_001 }],
    ['invalid_request', { ...JOB, files: [{ path: '../x', encoding: 'utf8', data: '' }] }],
    [
      'invalid_request',
      { ...JOB, files: ['a', 'a/b'].map((path) => ({ path, encoding: 'utf8', data: '' })) },
    ],
    [
      'invalid_request',
      { ...JOB, files: ['a/b/c', 'a/b'].map((path) => ({ path, encoding: 'utf8', data: '' })) },
    ],
    ['unknown_tool', { tool: 'teleport' }],
    ['invalid_arguments', { tool: 'echo', arguments: {} }],
    ['invalid_arguments', { tool: 'echo', arguments: { text: 'hi', colour: 'red' } }],
    ['body_too_large', 'x'.repeat(BODY_BYTES_MAX + 1)],
  ] as const)('%s, and nothing reaches the ledger (%#)', async (code, body) => {
    await open();
    const before = bench.ledger.messages.length;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body }), code, undefined);
    expect(bench.ledger.messages).toHaveLength(before);
  });

  it('names what is wrong in a body and in arguments', async () => {
    await open();
    const shape = await bench.call('POST', '/v1/jobs', { body: { ...JOB, colour: 'red' } });
    expect(JSON.stringify(shape.json())).toContain("'colour'");
    const args = await bench.call('POST', '/v1/jobs', { body: { tool: 'echo', arguments: { text: 5 } } });
    expect(args.json<Problem>().errors).toEqual([{ path: '/arguments/text', message: 'must be string' }]);
  });

  it('unsupported_media_type: a body that is not JSON', async () => {
    await open();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      expectRefusal(
        await bench.call('POST', '/v1/jobs', { body: 'x', type }),
        'unsupported_media_type',
        undefined,
      );
  });

  it('not_found: a path, a job, a tool, an id that is none', async () => {
    await open();
    for (const url of ['/v1/nowhere', `/v1/jobs/${NOBODYS_JOB}`, '/v1/jobs/17', '/v1/tools/teleport'])
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
    for (const url of [`/v1/jobs/${NOBODYS_JOB}/events`])
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
    expectRefusal(await bench.call('POST', `/v1/jobs/${NOBODYS_JOB}/cancel`), 'not_found', undefined);
  });

  it.each(['soon', '61s', '-1', '1.5s', '60001ms', '', '5m'])(
    'invalid_request: wait=%s, and nothing is accepted',
    async (wait) => {
      await open();
      const before = bench.ledger.messages.length;
      const url = `/v1/jobs?wait=${wait}`;
      expectRefusal(await bench.call('POST', url, { body: JOB }), 'invalid_request', undefined);
      expectRefusal(
        await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}?wait=${wait}`),
        'invalid_request',
        undefined,
      );
      expect(bench.ledger.messages).toHaveLength(before);
    },
  );

  it('not_found: a path that cannot be read or is too long, but only with a key', async () => {
    await open();
    for (const url of ['/v1/jobs/%zz', `/v1/jobs/${'a'.repeat(300)}`, '/v1/tools/%']) {
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
      expectRefusal(await bench.call('GET', url, { key: '' }), 'unauthorized', undefined);
    }
  });

  it('not_found: a method that a path does not know, HEAD among them', async () => {
    await open();
    const { id } = await bench.submit();
    expectRefusal(await bench.call('DELETE', `/v1/jobs/${id}`), 'not_found', undefined);
    const headers = { authorization: `Bearer ${KEYS.ada}` };
    const head = await bench.server.inject({ method: 'HEAD', url: `/v1/jobs/${id}/events`, headers });
    expect(head.statusCode).toBe(404);
  });

  it('ledger_unavailable while NATS is away, whatever the job', async () => {
    await open();
    bench.connected = false;
    expectRefusal(await bench.post(), 'ledger_unavailable', '1');
    expectRefusal(await bench.post(JOB, 'key'), 'ledger_unavailable', '1');
  });

  it('queue_full: one more than the shard may hold', async () => {
    await open({ queuedMax: 2 });
    await bench.submit();
    await bench.submit();
    const before = bench.ledger.messages.length;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'queue_full', '5');
    expect(bench.ledger.messages).toHaveLength(before);
  });

  it('ledger_full: above 80 % of its bytes, until it drained', async () => {
    await open();
    bench.ledger.fill = { bytes: 799_000_000, maxBytes: 1_000_000_000 };
    await bench.clock.advance(500);
    await bench.submit();
    bench.ledger.fill = { bytes: 801_000_000, maxBytes: 1_000_000_000 };
    await bench.clock.advance(500);
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'ledger_full', '10');
    bench.ledger.fill = { bytes: 10, maxBytes: 1_000_000_000 };
    await bench.clock.advance(500);
    await bench.submit();
  });

  it('acceptance_unknown with the place to ask, when the commit does not come back; then ledger_unavailable', async () => {
    await open();
    bench.ledger.away = true;
    const asked = bench.call('POST', '/v1/jobs', { body: JOB });
    await until(() => !bench.engine.healthy);
    const refused = await bench.call('POST', '/v1/jobs', { body: JOB });
    expectRefusal(refused, 'ledger_unavailable', '1');
    expect(refused.headers.location).toBeUndefined();
    await bench.clock.advance(ACCEPT_WAIT_MS);
    const answer = await asked;
    const problem = expectRefusal(answer, 'acceptance_unknown', '1');
    const id = /[0-9a-f-]{36}/.exec(problem.detail)?.[0];
    expect(answer.headers.location).toBe(`/v1/jobs/${id}`);
    // The ledger comes back: the job is there under that id, once.
    bench.ledger.away = false;
    await bench.clock.advance(1_000);
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().stage).toBe('queued');
    expect(bench.engine.counts.queued).toBe(1);
  });

  it('ledger_unavailable: a payload for a blob while the blob store is away', async () => {
    await open();
    bench.blobsAway = true;
    const body = { tool: 'echo', arguments: { text: 'x'.repeat(20_000) } };
    expectRefusal(await bench.call('POST', '/v1/jobs', { body }), 'ledger_unavailable', '1');
    bench.blobsAway = false;
    await bench.submit(body);
    expect(bench.stored.size).toBe(1);
  });

  it('outcome_unavailable: what nobody can look up is not called missing', async () => {
    await open();
    bench.outcomes.away = true;
    for (const url of [`/v1/jobs/${NOBODYS_JOB}`, `/v1/jobs/${NOBODYS_JOB}/events`])
      expectRefusal(await bench.call('GET', url), 'outcome_unavailable', '1');
  });

  it('index_rebuilding: an unknown id while finished jobs are indexed again', async () => {
    await open();
    bench.outcomes.rebuilding = true;
    expectRefusal(await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}`), 'index_rebuilding', '2');
    const { id } = await bench.submit();
    expect((await bench.call('GET', `/v1/jobs/${id}`)).statusCode).toBe(200);
  });

  it('outcome_unavailable: a finished job whose output cannot be read', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const blob = { sha256: '0'.repeat(64), bytes: 9 };
    const report = { ...DONE.report, output: { kind: 'blob', bytes: 9, truncated: false, blob } } as never;
    await bench.finish(id, { kind: 'succeeded', report });
    bench.blobsAway = true;
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}`), 'outcome_unavailable', '1');
  });

  it('too_many_waiters: polls and streams are counted together, and leave their places', async () => {
    await open({ waitersMax: 1 });
    bench.addWorker();
    const { id } = await bench.submit();
    const poll = bench.call('GET', `/v1/jobs/${id}?wait=60s`);
    await until(() => bench.feed.size === 1);
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}?wait=60s`), 'too_many_waiters', '2');
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}/events`), 'too_many_waiters', '2');
    expect((await bench.call('GET', `/v1/jobs/${id}`)).statusCode).toBe(200);
    // A submission is never refused for want of a place: the job is there.
    expect((await bench.call('POST', '/v1/jobs?wait=60s', { body: JOB })).statusCode).toBe(202);
    await bench.finish(id);
    expect((await poll).json<JobView>().stage).toBe('succeeded');
    expect((await bench.call('GET', `/v1/jobs/${id}/events`)).statusCode).toBe(200);
    expect((await bench.call('GET', `/v1/jobs/${id}?wait=60s`)).statusCode).toBe(200);
  });

  it('internal: says nothing of what broke', async () => {
    await open();
    bench.statusBreaks = true;
    const answer = await bench.call('GET', '/v1/status');
    expectRefusal(answer, 'internal', undefined);
    expect(answer.body).not.toContain('secret');
  });
});

describe('jobs', () => {
  it('are acknowledged with their place once they are on the ledger', async () => {
    await open();
    const answer = await bench.call('POST', '/v1/jobs', { body: JOB });
    const job = answer.json<JobView>();
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/v1/jobs/${job.id}`);
    expect(job).toMatchObject({ tool: 'echo', toolVersion: 3, stage: 'queued', attempt: 0, maxAttempts: 3 });
    expect(job).toMatchObject({ timeoutMs: 10_000, result: null, output: null, error: null });
    expect(Buffer.concat(bench.ledger.messages).toString()).toContain(job.id);
  });

  it('answer a waiting submission as 200 with result and output when they end', async () => {
    await open();
    bench.addWorker();
    const asked = bench.call('POST', '/v1/jobs?wait=60s', { body: JOB });
    await until(() => bench.runs.length === 1);
    await bench.finish(bench.runs[0]?.id ?? '');
    const answer = await asked;
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      stage: 'succeeded',
      attempt: 1,
      result: { said: 'hi' },
      exitCode: 0,
      output: { bytes: 3, truncated: false, chunks: [{ data: 'hi\n' }] },
    });
  });

  it('do not exist for another tenant, live or finished', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const look = async (): Promise<void> => {
      const key = KEYS.bob;
      expectRefusal(await bench.call('GET', `/v1/jobs/${id}`, { key }), 'not_found', undefined);
      expectRefusal(await bench.call('GET', `/v1/jobs/${id}/events`, { key }), 'not_found', undefined);
      expectRefusal(await bench.call('POST', `/v1/jobs/${id}/cancel`, { key }), 'not_found', undefined);
    };
    await look();
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().cancelRequested).toBe(false);
    await bench.finish(id);
    await look();
  });

  it('are cancelled at once in the queue; a final one stays as it is', async () => {
    await open();
    const { id } = await bench.submit();
    const cancelled = await bench.call('POST', `/v1/jobs/${id}/cancel`);
    expect(cancelled.statusCode).toBe(202);
    expect(cancelled.json()).toMatchObject({ stage: 'cancelled', attempt: 0, error: { code: 'cancelled' } });
    bench.addWorker();
    const other = await bench.submit();
    await bench.finish(other.id);
    expect((await bench.call('POST', `/v1/jobs/${other.id}/cancel`)).json()).toMatchObject({
      stage: 'succeeded',
      error: null,
    });
    expect(bench.runs.map((run) => run.id)).toEqual([other.id]);
  });

  it('answer every cancel only once it is committed', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    await until(() => bench.runs.length === 1);
    const before = bench.ledger.messages.length;
    bench.ledger.away = true;
    let answered = 0;
    const ask = async (): Promise<LightMyRequestResponse> => {
      const answer = await bench.call('POST', `/v1/jobs/${id}/cancel`);
      answered += 1;
      return answer;
    };
    // Both are staged while the engine does not know yet that its ledger is away.
    const first = bench.engine.cancel('ada' as TenantId, id);
    const second = bench.engine.cancel('ada' as TenantId, id);
    let early = 0;
    for (const cancel of [first, second]) void cancel.then(() => (early += 1));
    await until(() => !bench.engine.healthy);
    expect(early).toBe(0);
    expectRefusal(await ask(), 'ledger_unavailable', '1');
    expect(bench.ledger.messages).toHaveLength(before);
    bench.ledger.away = false;
    await bench.clock.advance(1_000);
    expect(await first).toMatchObject({ kind: 'cancelled', job: { state: { cancelRequested: true } } });
    expect(await second).toMatchObject({ kind: 'cancelled', job: { state: { cancelRequested: true } } });
    expect((await ask()).json()).toMatchObject({ stage: 'running', cancelRequested: true });
    expect(answered).toBe(2);
  });

  it('do not keep a cancel waiting for ever while the ledger is away', async () => {
    await open();
    const { id } = await bench.submit();
    bench.ledger.away = true;
    const asked = bench.call('POST', `/v1/jobs/${id}/cancel`);
    await until(() => !bench.engine.healthy);
    await bench.clock.advance(ACCEPT_WAIT_MS);
    const problem = expectRefusal(await asked, 'ledger_unavailable', '1');
    expect(problem.detail).toContain('harmless');
  });

  it('are cancelled also by a client that names a type for the body it does not send', async () => {
    await open();
    const { id } = await bench.submit();
    const headers = { 'content-type': 'application/json' };
    const answer = await bench.call('POST', `/v1/jobs/${id}/cancel`, { headers });
    expect(answer.json()).toMatchObject({ stage: 'cancelled' });
  });

  it('are read from the outcomes when the replica has forgotten them', async () => {
    const { outcomes } = await open();
    bench.addWorker();
    const { id } = await bench.submit();
    await bench.finish(id);
    await until(() => outcomes.records.has(id));
    await bench.close();
    await open({ outcomes });
    expect((await bench.call('GET', `/v1/jobs/${id}?wait=1s`)).json<JobView>().stage).toBe('succeeded');
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}`, { key: KEYS.bob }), 'not_found', undefined);
  });

  it('stream their output before their final state, and from the byte where a reader left off', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const streaming = bench.call('GET', `/v1/jobs/${id}/events`);
    await until(() => bench.feed.size === 1);
    await bench.finish(id);
    const names = (text: string): string[] =>
      [...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1] ?? '');
    const stream = await streaming;
    expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(names(stream.body).slice(-3)).toEqual(['attempt', 'output', 'state']);
    expect(stream.body).toContain('id: 1:3\n');
    const resumed = await bench.call('GET', `/v1/jobs/${id}/events`, { headers: { 'last-event-id': '1:2' } });
    expect(names(resumed.body)).toEqual(['output', 'state']);
    expect(resumed.body).toContain('"data":"\\n"');
    expect(bench.feed.size).toBe(0);
  });
});

describe('tools', () => {
  it('are listed with their limits and schemas', async () => {
    await open();
    const { tools } = (await bench.call('GET', '/v1/tools')).json<{ tools: object[] }>();
    const one = (await bench.call('GET', '/v1/tools/echo')).json<object>();
    expect(tools).toEqual([one]);
    expect(one).toEqual({
      name: 'echo',
      version: 3,
      description: TOOL.description,
      ...TOOL.limits,
      arguments: TOOL.arguments,
    });
  });
});
