import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, QUOTAS_BUILT_IN } from '@zerofleet/model';
import type { JobView } from '@zerofleet/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answer,
  fakeApi,
  JOB_ID,
  jobView,
  refuse,
  start,
  zerofleet,
  type FakeApi,
} from './fake-api.test.helper.js';

const open: FakeApi[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((api) => api.close()));
});
const serve = async (routes: Parameters<typeof fakeApi>[0]): Promise<FakeApi> => {
  const api = await fakeApi(routes);
  open.push(api);
  return api;
};

const AT = '2026-01-01T00:00:00.000Z';
const TENANT = { tenant: 'acme', own: { weight: 2 }, keys: 1, paused: false, createdAt: AT };
const QUOTAS = { tenant: 'acme', quotas: QUOTAS_BUILT_IN, own: {}, usage: null };
const KEY = {
  id: 'abcdefghijkl',
  name: 'ci',
  scopes: ['read'],
  createdAt: AT,
  expiresAt: null,
  source: 'store',
};
const SCHEDULE = {
  ...{ name: 'nightly', cron: '0 3 * * *', zone: 'UTC', missed: 'once', enabled: true },
  ...{ job: { tool: 'echo', arguments: {} }, createdAt: AT, updatedAt: AT, next: [AT] },
};
const PAUSE = { target: 'class.batch', reason: 'why', since: AT, by: 'root' };
const none: Parameters<typeof fakeApi>[0][string] = (reply) => void reply.writeHead(204).end();
const ROUTES = {
  'GET /v1/admin/tenants': answer(200, { tenants: [TENANT] }),
  'GET /v1/admin/tenants/acme': answer(200, TENANT),
  'PUT /v1/admin/tenants/acme': answer(201, TENANT),
  'DELETE /v1/admin/tenants/acme': none,
  'GET /v1/quotas': answer(200, QUOTAS),
  'GET /v1/admin/tenants/acme/quotas': answer(200, QUOTAS),
  'PATCH /v1/admin/tenants/acme/quotas': answer(200, QUOTAS),
  'GET /v1/admin/defaults': answer(200, { quotas: QUOTAS_BUILT_IN, own: {} }),
  'PATCH /v1/admin/defaults': answer(200, { quotas: QUOTAS_BUILT_IN, own: {} }),
  'GET /v1/keys': answer(200, { keys: [KEY] }),
  'POST /v1/keys': answer(201, { ...KEY, key: 'zf_new' }),
  'DELETE /v1/keys/abcdefghijkl': none,
  'GET /v1/admin/tenants/acme/keys': answer(200, { keys: [KEY] }),
  'POST /v1/admin/tenants/acme/keys': answer(201, { ...KEY, key: 'zf_new' }),
  'DELETE /v1/admin/tenants/acme/keys/abcdefghijkl': none,
  'GET /v1/admin/keys': answer(200, { keys: [] }),
  'POST /v1/admin/keys': answer(201, { ...KEY, key: 'zf_root' }),
  'GET /v1/admin/pauses': answer(200, { pauses: [PAUSE] }),
  'PUT /v1/admin/pauses/class.batch': answer(200, PAUSE),
  'DELETE /v1/admin/pauses/fleet': none,
  'GET /v1/secrets': answer(200, { secrets: [{ name: 'TOKEN', createdAt: AT, updatedAt: AT }] }),
  'PUT /v1/secrets/TOKEN': answer(201, { name: 'TOKEN', createdAt: AT, updatedAt: AT }),
  'DELETE /v1/secrets/TOKEN': none,
  'GET /v1/schedules': answer(200, { schedules: [SCHEDULE] }),
  'GET /v1/schedules/nightly': answer(200, SCHEDULE),
  'PUT /v1/schedules/nightly': answer(200, SCHEDULE),
  'DELETE /v1/schedules/nightly': none,
  [`GET /v1/jobs/${JOB_ID}/why`]: answer(200, {
    id: JOB_ID,
    stage: 'queued',
    waiting: { reason: 'quota', quota: 'running', detail: 'It runs enough.', position: 3, waitMs: 1_500 },
  }),
};

describe('settings', () => {
  it.each<[words: string, request: string, shows: RegExp]>([
    ['tenants list', 'GET /v1/admin/tenants', /acme.*1.*no.*weight=2/],
    ['tenants show acme', 'GET /v1/admin/tenants/acme', /acme/],
    ['tenants create acme weight=2', 'PUT /v1/admin/tenants/acme {"quotas":{"weight":2}}', /acme/],
    ['tenants delete acme', 'DELETE /v1/admin/tenants/acme', /^$/],
    ['quotas show', 'GET /v1/quotas', /queuedMax.*none/],
    ['quotas show acme', 'GET /v1/admin/tenants/acme/quotas', /ceiling.*interactive/],
    [
      'quotas set acme submitRate=10/s:50 storedBytesMax=10GiB timeoutMsMax=30s queuedMax=none toolRunningMax.echo=3',
      'PATCH /v1/admin/tenants/acme/quotas {"set":{"submitRate":{"perSecond":10,"burst":50},"storedBytesMax":10737418240,"timeoutMsMax":30000,"queuedMax":null,"toolRunningMax":{"echo":3}}}',
      /weight/,
    ],
    ['quotas unset acme weight', 'PATCH /v1/admin/tenants/acme/quotas {"unset":["weight"]}', /weight/],
    ['quotas defaults', 'GET /v1/admin/defaults', /weight/],
    ['quotas defaults set ceiling=high', 'PATCH /v1/admin/defaults {"set":{"ceiling":"high"}}', /weight/],
    ['quotas defaults unset ceiling', 'PATCH /v1/admin/defaults {"unset":["ceiling"]}', /weight/],
    ['keys list', 'GET /v1/keys', /abcdefghijkl.*ci.*read.*never/],
    ['keys create ci --scope read', 'POST /v1/keys {"name":"ci","scopes":["read"]}', /^zf_new\n$/],
    ['keys create ci --tenant acme', 'POST /v1/admin/tenants/acme/keys {"name":"ci"}', /^zf_new\n$/],
    ['keys create ci --operators', 'POST /v1/admin/keys {"name":"ci"}', /^zf_root\n$/],
    ['keys revoke abcdefghijkl', 'DELETE /v1/keys/abcdefghijkl', /^$/],
    ['keys revoke abcdefghijkl --tenant acme', 'DELETE /v1/admin/tenants/acme/keys/abcdefghijkl', /^$/],
    ['pause class batch --reason why', 'PUT /v1/admin/pauses/class.batch {"reason":"why"}', /^$/],
    ['resume fleet', 'DELETE /v1/admin/pauses/fleet', /^$/],
    ['pauses', 'GET /v1/admin/pauses', /class batch.*root.*why/],
    ['secrets list', 'GET /v1/secrets', /TOKEN/],
    ['secrets delete TOKEN', 'DELETE /v1/secrets/TOKEN', /^$/],
    ['schedules list', 'GET /v1/schedules', /nightly.*echo.*2026/],
    ['schedules show nightly', 'GET /v1/schedules/nightly', /nightly/],
    ['schedules delete nightly', 'DELETE /v1/schedules/nightly', /^$/],
    [`why ${JOB_ID}`, `GET /v1/jobs/${JOB_ID}/why`, /waits.*quota[^]*It runs enough[^]*3[^]*1\.5 s/],
  ])('%s', async (words, request, shows) => {
    const api = await serve(ROUTES);
    const end = await zerofleet(api.url, ...words.split(' '));
    expect({ code: end.code, stderr: words.startsWith('keys create') ? '' : end.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(api.seen).toEqual([request]);
    expect(end.stdout).toMatch(shows);
  });

  it('print what the API said with --json', async () => {
    const api = await serve(ROUTES);
    const { stdout } = await zerofleet(api.url, '--json', 'tenants', 'list');
    expect(JSON.parse(stdout)).toEqual({ tenants: [TENANT] });
  });

  it('read a secret from stdin or a file, and never from an argument', async () => {
    const api = await serve(ROUTES);
    const end = await start(api.url, ['secrets', 'set', 'TOKEN'], { stdin: 'correct horse\n' }).ended;
    expect(end).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(api.seen).toEqual(['PUT /v1/secrets/TOKEN {"value":"correct horse"}']);
    expect((await zerofleet(api.url, 'secrets', 'set', 'TOKEN', 'correct horse')).code).toBe(EXIT.usage);
    expect((await zerofleet(api.url, 'secrets', 'set', 'TOKEN')).code).toBe(EXIT.usage);
  });

  it('set a schedule with a job, and turn it off and on as it is', async () => {
    const api = await serve(ROUTES);
    const words = [
      'schedules',
      'set',
      'nightly',
      '--cron',
      '0 3 * * *',
      '--zone',
      'Europe/Berlin',
      '--missed',
      'skip',
    ];
    expect((await zerofleet(api.url, ...words, 'echo', 'text=hi', '--class', 'batch')).code).toBe(0);
    expect(api.seen).toEqual([
      'PUT /v1/schedules/nightly {"cron":"0 3 * * *","zone":"Europe/Berlin","missed":"skip","job":{"tool":"echo","arguments":{"text":"hi"},"class":"batch"}}',
    ]);
    expect((await zerofleet(api.url, 'schedules', 'disable', 'nightly')).code).toBe(0);
    expect(api.seen.at(-1)).toContain('"enabled":false');
  });

  it('write a key to a file that nobody else reads, and over none', async () => {
    const api = await serve(ROUTES);
    const folder = mkdtempSync(join(tmpdir(), 'zf-keys-'));
    const path = join(folder, 'ci.key');
    const end = await zerofleet(api.url, 'keys', 'create', 'ci', '--key-out', path);
    expect(end.stdout).toBe('');
    expect(end.stderr).toMatch(/^zerofleet: key abcdefghijkl 'ci' may read; in [^\n]+\n$/);
    expect(readFileSync(path, 'utf8')).toBe('zf_new\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await zerofleet(api.url, 'keys', 'create', 'ci', '--key-out', path);
    expect(again.code).toBe(EXIT.usage);
    expect(again.stderr).toMatch(/^zerofleet: the key abcdefghijkl was made and cannot be written[^\n]+\n$/);
    rmSync(folder, { recursive: true });
  });

  it('does not ask twice for a key, and says so when one may have been made', async () => {
    const api = await serve({ 'POST /v1/keys': (reply) => reply.socket?.destroy() });
    const end = await zerofleet(api.url, 'keys', 'create', 'ci');
    expect(end).toMatchObject({ code: EXIT.unavailable, stdout: '' });
    expect(end.stderr).toMatch(/^zerofleet: it may or may not have been made[^\n]*keys list[^\n]*\n$/);
    expect(api.seen).toHaveLength(1);
  });

  it('says so when what answers is no fleet', async () => {
    const api = await serve({ 'GET /v1/quotas': answer(200, { hello: 'world' }) });
    const end = await zerofleet(api.url, 'quotas', 'show');
    expect(end).toMatchObject({ code: EXIT.unavailable, stdout: '' });
    expect(end.stderr).toMatch(/^zerofleet: [^\n]*its body is not quotas of a tenant[^\n]*--url\n$/);
  });

  it.each([
    ['quotas set acme weight', /KEY=VALUE/],
    ['tenants show ..', /'\.\.' cannot be a name/],
    ['quotas set acme jobs=1', /there is no quota 'jobs'/],
    ['quotas set acme queuedMax=0', /give a whole number from 1/],
    ['quotas set acme queuedMax=-5', /give a whole number from 1/],
    ['quotas set acme storedBytesMax=10GB', /give bytes such as/],
    ['quotas set acme submitRate=10', /give RATE\/s:BURST/],
    ['quotas set acme ceiling=urgent', /give one of interactive/],
    ['quotas set acme weight=none', /give a number/],
    ['quotas unset acme jobs', /there is no quota 'jobs'/],
    ['pause world', /cannot be paused; give fleet/],
    ['pause class', /cannot be paused; give fleet/],
    ['keys create ci --scope root', /--scope is 'root'/],
    ['keys list --tenant acme --operators', /give one of them/],
    ['submit echo --class urgent', /--class is 'urgent'/],
    ['schedules set nightly --cron x --missed maybe echo', /--missed is 'maybe'/],
    ['schedules set nightly echo', /--cron/],
    ['dead-letters redrive', /either the id of a dead letter, or --all/],
    ['dead-letters redrive --all --rate fast', /--rate is 'fast'/],
  ])('%s is wrong, in one line, with exit code 2', async (words, says) => {
    const api = await serve(ROUTES);
    const end = await zerofleet(api.url, ...words.split(' '));
    expect(end.code).toBe(EXIT.usage);
    expect(end.stderr).toMatch(/^zerofleet: [^\n]+\n$/);
    expect(end.stderr).toMatch(says);
    expect(api.seen).toEqual([]);
  });

  it.each([
    [403, 'forbidden', EXIT.unauthorized],
    [404, 'not_found', EXIT.notFound],
    [409, 'conflict', EXIT.unavailable],
    [409, 'too_many', EXIT.usage],
    [503, 'controls_unavailable', EXIT.unavailable],
  ])('%i %s exits with its code', async (status, code, exit) => {
    const api = await serve({ 'GET /v1/admin/tenants': refuse(status, code, 'It is so.') });
    const end = await zerofleet(api.url, '--retry', '0s', 'tenants', 'list');
    expect(end.code).toBe(exit);
    expect(end.stderr).toMatch(/^zerofleet: It is so[^\n]*\n$/);
  });
});

describe('a quota that is used up', () => {
  it('is waited out as long as the fleet says, and the job submitted then', async () => {
    let calls = 0;
    const api = await serve({
      'POST /v1/jobs': (reply, body) => {
        calls += 1;
        if (calls > 1) return answer(202, jobView('queued'))(reply, body);
        refuse(429, 'rate_limited', 'Too fast.', { retryAfterMs: 400 })(reply, body);
      },
    });
    const began = performance.now();
    const end = await zerofleet(api.url, 'submit', 'echo');
    expect(end).toEqual({ code: 0, stdout: `${JOB_ID}\n`, stderr: '' });
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(calls).toBe(2);
    const late = await zerofleet(api.url, '--retry', '0s', 'submit', 'echo');
    expect(late.code).toBe(0);
  });
});

describe('dead letters', () => {
  it('are all redriven, of one tool, each once', async () => {
    const letter = (n: number, tool: string): object =>
      jobView('failed', { id: `0192f3a0-0000-7000-8000-00000000000${n}` as JobView['id'], tool });
    let page = 0;
    const api = await serve({
      'GET /v1/dead-letters': (reply, body) => {
        page += 1;
        const view =
          page === 1
            ? { letters: [letter(1, 'echo'), letter(2, 'other')], next: 7 }
            : { letters: [letter(3, 'echo')], next: null };
        answer(200, view)(reply, body);
      },
      'POST /v1/dead-letters/0192f3a0-0000-7000-8000-000000000001/redrive': answer(202, jobView('queued')),
      'POST /v1/dead-letters/0192f3a0-0000-7000-8000-000000000003/redrive': refuse(404, 'not_found', 'Gone.'),
    });
    const end = await zerofleet(
      api.url,
      'dead-letters',
      'redrive',
      '--all',
      '--tool',
      'echo',
      '--rate',
      '1000/s',
    );
    expect(end).toEqual({ code: 0, stdout: '1\n', stderr: '' });
    expect(api.queries).toEqual(['limit=100&after=0', 'limit=100&after=7']);
  });
});
