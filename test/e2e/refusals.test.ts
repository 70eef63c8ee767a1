/** Bad input and foreign hands: each gets its typed answer, and none of it reaches the queue. */
import { describe, expect, it } from 'vitest';
import type { Problem } from '@zerofleet/protocol';
import { clientKey, clientOf, raw } from '../fleet/client.js';

const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  raw('/v1/jobs', { method: 'POST', body, headers });
const NOBODY = '019b0000-0000-7000-8000-000000000000';

describe('refusals', () => {
  it.each<[what: string, send: () => Promise<Response>, status: number, code: string]>([
    ['malformed JSON', () => post('{"tool":'), 400, 'malformed_json'],
    ['an empty body', () => post(''), 400, 'malformed_json'],
    [
      'another media type',
      () => post('tool=echo', { 'content-type': 'text/plain' }),
      415,
      'unsupported_media_type',
    ],
    [
      'an unknown field',
      () => post('{"tool":"echo","arguments":{"text":"x"},"weight":9}'),
      400,
      'invalid_request',
    ],
    ['a missing tool', () => post('{"arguments":{}}'), 400, 'invalid_request'],
    ['an unknown tool', () => post('{"tool":"nope"}'), 422, 'unknown_tool'],
    ['a tool by a name of every object', () => post('{"tool":"constructor"}'), 422, 'unknown_tool'],
    [
      'arguments against the schema',
      () => post('{"tool":"echo","arguments":{"text":5}}'),
      422,
      'invalid_arguments',
    ],
    ['missing arguments', () => post('{"tool":"echo"}'), 422, 'invalid_arguments'],
    [
      'a time limit over the tool’s',
      () => post('{"tool":"echo","arguments":{"text":"x"},"timeoutMs":999999999}'),
      400,
      'invalid_request',
    ],
    [
      'no attempts',
      () => post('{"tool":"echo","arguments":{"text":"x"},"maxAttempts":0}'),
      400,
      'invalid_request',
    ],
    [
      'a file outside the work directory',
      () =>
        post(
          JSON.stringify({
            tool: 'echo',
            arguments: { text: 'x' },
            files: [{ path: '../x', encoding: 'utf8', data: '' }],
          }),
        ),
      400,
      'invalid_request',
    ],
    [
      'a body over the limit',
      () => post(JSON.stringify({ tool: 'echo', arguments: { text: 'x'.repeat(600_000) } })),
      413,
      'body_too_large',
    ],
    ['no key', () => raw('/v1/jobs', { headers: { authorization: '' } }), 401, 'unauthorized'],
    ['a wrong key', () => raw('/v1/tools', {}, `zf_${'A'.repeat(43)}`), 401, 'unauthorized'],
    ['an unknown id', () => raw(`/v1/jobs/${NOBODY}`), 404, 'not_found'],
    ['an id that is none', () => raw('/v1/jobs/..%2f..%2fetc'), 404, 'not_found'],
    ['the events of an unknown id', () => raw(`/v1/jobs/${NOBODY}/events`), 404, 'not_found'],
    ['a wait that is none', () => raw(`/v1/jobs/${NOBODY}?wait=soon`), 400, 'invalid_request'],
    ['a wait over the limit', () => raw(`/v1/jobs/${NOBODY}?wait=3600s`), 400, 'invalid_request'],
    ['an unknown path', () => raw('/v2/jobs'), 404, 'not_found'],
  ])('%s', async (_what, send, status, code) => {
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = (await answer.json()) as Problem;
    expect(problem).toMatchObject({ status, code, type: `urn:zerofleet:problem:${code}` });
    expect(problem.detail.length).toBeGreaterThan(10);
    expect(problem.detail).not.toMatch(/at .*\.js|Error:/);
  });

  it('leaves the queue empty', async () => {
    expect((await clientOf(0).status()).jobs).toEqual({ queued: 0, running: 0 });
  });

  it('shows no tenant the jobs of another', async () => {
    const mine = await clientOf(0).submit({ tool: 'echo', arguments: { text: 'mine' } }, { waitMs: 30_000 });
    const running = await clientOf(0).submit({
      tool: 'code_execution',
      arguments: { runtime: 'terminal', code: 'sleep 5' },
    });
    const theirs = (path: string, method = 'GET'): Promise<Response> => raw(path, { method }, clientKey(1));
    for (const { id } of [mine, running]) {
      expect((await theirs(`/v1/jobs/${id}`)).status).toBe(404);
      expect((await theirs(`/v1/jobs/${id}?wait=1s`)).status).toBe(404);
      expect((await theirs(`/v1/jobs/${id}/events`)).status).toBe(404);
      expect((await theirs(`/v1/jobs/${id}/cancel`, 'POST')).status).toBe(404);
    }
    expect((await clientOf(1).status()).jobs).toEqual({ queued: 0, running: 0 });
    expect((await clientOf(0).get(running.id)).cancelRequested).toBe(false);
    await clientOf(0).cancel(running.id);
  });
});
