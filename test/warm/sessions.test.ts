/** Sessions on a real fleet: what lives from call to call, what is saved when the worker goes, and whose it is. */
import { describe, expect, it } from 'vitest';
import type { JobView, SessionsView } from '@zerofleet/protocol';
import { inject } from 'vitest';

/** A drain and the fresh start of the worker and its containers, at most, in ms. */
const BACK_WITHIN_MS = 120_000;

const call = (path: string, init: RequestInit = {}, who: 0 | 1 = 0): Promise<Response> =>
  fetch(`${inject('warm').apiUrl}${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${inject('warm').keys[who]}`,
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  });

const run = async (job: object, who: 0 | 1 = 0): Promise<JobView> => {
  const answer = await call('/v1/jobs?wait=50s', { method: 'POST', body: JSON.stringify(job) }, who);
  return (await answer.json()) as JobView;
};

const bash = (session: string, code: string, more: object = {}, who: 0 | 1 = 0): Promise<JobView> =>
  run({ tool: 'code_execution', session, arguments: { runtime: 'terminal', code, ...more } }, who);

const said = (job: JobView): string => (job.output?.chunks ?? []).map(({ data }) => data).join('');

const sessions = async (who: 0 | 1 = 0): Promise<SessionsView['sessions']> =>
  ((await (await call('/v1/sessions', {}, who)).json()) as SessionsView).sessions;

describe('a session', () => {
  it('keeps files and a shell from call to call', async () => {
    const first = await bash('shell', 'x=5; cd /work; mkdir -p d; echo hi > d/f; cd d', { shell: 0 });
    expect(first).toMatchObject({ stage: 'succeeded', sessionState: 'fresh' });
    const second = await bash('shell', 'echo $x; cat f', { shell: 0 });
    expect(second).toMatchObject({ stage: 'succeeded', sessionState: 'live' });
    expect(said(second)).toBe('5\nhi\n');
    const read = await run({
      tool: 'text_editor',
      session: 'shell',
      arguments: { action: 'read', path: 'd/f' },
    });
    expect(read.result).toMatchObject({ text: 'hi\n' });
  });

  it('keeps its files through a call that runs out of time', async () => {
    await bash('late', 'echo kept > f');
    const late = await run({
      tool: 'code_execution',
      session: 'late',
      timeoutMs: 300,
      arguments: { runtime: 'terminal', code: 'sleep 30' },
    });
    expect(late.stage).toBe('timed_out');
    const after = await bash('late', 'cat f');
    expect(said(after)).toBe('kept\n');
    expect(after.sessionState).toBe('live');
  });

  it("is one tenant's alone, whatever its name", async () => {
    await bash('shared', 'echo secret > f');
    const other = await bash('shared', 'ls -A', {}, 1);
    expect(other).toMatchObject({ stage: 'succeeded', sessionState: 'fresh' });
    expect(said(other)).toBe('');
    expect((await call('/v1/sessions/late', { method: 'DELETE' }, 1)).status).toBe(404);
    expect((await sessions(1)).map(({ session }) => session)).toEqual(['shared']);
  });

  it('is listed, and ends by DELETE with all it had', async () => {
    expect((await sessions()).find(({ session }) => session === 'late')).toMatchObject({ state: 'live' });
    expect((await call('/v1/sessions/late')).status).toBe(200);
    expect((await call('/v1/sessions/late', { method: 'DELETE' })).status).toBe(204);
    expect((await call('/v1/sessions/late', { method: 'DELETE' })).status).toBe(404);
    expect((await call('/v1/sessions/late')).status).toBe(404);
    const again = await bash('late', 'ls -A');
    expect(again.sessionState).toBe('fresh');
    expect(said(again)).toBe('');
  });

  it(
    'goes on after its worker was drained, twenty of them each with its files',
    async () => {
      const names = Array.from({ length: 20 }, (_, n) => `drained-${n}`);
      const opened = await Promise.all(
        names.map((name) => bash(name, `mkdir -p a/b; echo ${name} > a/b/f; ln -s b/f a/link; chmod 750 a`)),
      );
      expect(opened.map(({ stage }) => stage)).toEqual(names.map(() => 'succeeded'));
      process.kill(inject('warm').workerPid, 'SIGTERM');
      const found = await Promise.all(names.map((name) => bash(name, 'cat a/link; stat -c %a a')));
      expect(found.map(said)).toEqual(names.map((name) => `${name}\n750\n`));
      expect(found.map(({ sessionState }) => sessionState)).toEqual(names.map(() => 'files-restored'));
      expect((await bash('drained-0', 'cat a/b/f')).sessionState).toBe('live');
    },
    BACK_WITHIN_MS,
  );
});
