import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  zerofleetHere,
  type FakeApi,
} from './fake-api.test.helper.js';

const open: FakeApi[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((api) => api.close()));
  for (const path of folders.splice(0)) rmSync(path, { recursive: true });
});
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'zf-controls-'));
  folders.push(path);
  return path;
};
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
const DEFAULTS = { quotas: QUOTAS_BUILT_IN, own: {} };
const SESSION = {
  session: 'notebook',
  state: 'saved',
  openedAt: AT,
  usedAt: AT,
  saved: { at: AT, bytes: 7 },
};
const SECRET = { name: 'TOKEN', createdAt: AT, updatedAt: AT };
const WHY = {
  id: JOB_ID,
  stage: 'queued',
  waiting: { reason: 'quota', quota: 'running', detail: 'It runs enough.', position: 3, waitMs: 1_500 },
};
const CONTAINERS = { starting: 1, warm: 2, busy: 3, idle: 4, parked: 5 };
const STATS = {
  ...{ claims: { warm: 199, cold: 1 }, hitRate: 0.995, misses: { empty: 1 }, startMsP50: 210.4 },
  ...{ startMsP95: null, refillPerS: 4.25, failures: 2, breaker: 'open' },
};
const POOL = {
  ...{ key: `tools@sha256:${'ab'.repeat(32)}|runc|c500`, image: null, workers: 2, target: 6 },
  ...{ ...CONTAINERS, stats: STATS },
};
const WORKER = {
  ...{ worker: 'w1', boot: 'boot-1', mode: 'warm', stage: 'silent', ageMs: 7_260, attempts: 1 },
  ...{ room: { cpuMilli: 8_000, memoryMiB: 1_024 }, free: { cpuMilli: 500, memoryMiB: 64 } },
  containers: CONTAINERS,
};
const DETAIL = {
  ...WORKER,
  held: [{ id: JOB_ID, attempt: 2 }],
  pools: [{ ...POOL, key: 'bad\u001b[2Jkey', workers: 1, stats: null }],
};
const ROUTES = {
  'GET /v1/admin/workers': answer(200, { workers: [WORKER] }),
  'GET /v1/admin/workers/w1': answer(200, DETAIL),
  'GET /v1/admin/pools': answer(200, { pools: [POOL] }),
  'GET /v1/admin/tenants': answer(200, { tenants: [TENANT] }),
  'GET /v1/admin/tenants/acme': answer(200, TENANT),
  'PUT /v1/admin/tenants/acme': answer(201, TENANT),
  'DELETE /v1/admin/tenants/acme': none,
  'GET /v1/quotas': answer(200, QUOTAS),
  'GET /v1/admin/tenants/acme/quotas': answer(200, QUOTAS),
  'PATCH /v1/admin/tenants/acme/quotas': answer(200, QUOTAS),
  'GET /v1/admin/defaults': answer(200, DEFAULTS),
  'PATCH /v1/admin/defaults': answer(200, DEFAULTS),
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
  'GET /v1/secrets': answer(200, { secrets: [SECRET] }),
  'PUT /v1/secrets/TOKEN': answer(201, SECRET),
  'DELETE /v1/secrets/TOKEN': none,
  'GET /v1/schedules': answer(200, { schedules: [SCHEDULE] }),
  'GET /v1/schedules/nightly': answer(200, SCHEDULE),
  'PUT /v1/schedules/nightly': answer(200, SCHEDULE),
  'DELETE /v1/schedules/nightly': none,
  'GET /v1/sessions': answer(200, { sessions: [SESSION] }),
  'GET /v1/sessions/notebook': answer(200, SESSION),
  'DELETE /v1/sessions/notebook': none,
  [`GET /v1/jobs/${JOB_ID}/why`]: answer(200, WHY),
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
    [
      'quotas set acme computeSecondsPerDay=10h runningMax=4 startRate=0.5/s:1 payloadBytesMax=64KiB',
      'PATCH /v1/admin/tenants/acme/quotas {"set":{"computeSecondsPerDay":36000,"runningMax":4,"startRate":{"perSecond":0.5,"burst":1},"payloadBytesMax":65536}}',
      /weight/,
    ],
    ['quotas unset acme weight', 'PATCH /v1/admin/tenants/acme/quotas {"unset":["weight"]}', /weight/],
    ['quotas defaults', 'GET /v1/admin/defaults', /weight/],
    ['quotas defaults set ceiling=high', 'PATCH /v1/admin/defaults {"set":{"ceiling":"high"}}', /weight/],
    ['quotas defaults unset ceiling', 'PATCH /v1/admin/defaults {"unset":["ceiling"]}', /weight/],
    ['sessions list', 'GET /v1/sessions', /notebook .*saved .* 7 /],
    ['sessions show notebook', 'GET /v1/sessions/notebook', /saved bytes . 7 /],
    ['sessions end notebook', 'DELETE /v1/sessions/notebook', /^$/],
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
    ['workers', 'GET /v1/admin/workers', /w1.*silent.*7\.3 s ago.*0\.5 of 8.*64 of 1024.*1.*2.*3.*4.*5.*1/],
    ['workers list', 'GET /v1/admin/workers', /w1/],
    [
      'workers show w1',
      'GET /v1/admin/workers/w1',
      new RegExp(`boot-1[^]*bad \\[2Jkey.* - .* - [^]*${JOB_ID}.*2`),
    ],
    [
      'pools',
      'GET /v1/admin/pools',
      /sha256:(ab){6}\|runc.*2.*6.*2.*1.*3.*4.*5.*99\.5 %.*empty 1.*210 ms\/-.*4\.3\/s.*rest after failures, 2 failed/,
    ],
    ['pools --worker w1', 'GET /v1/admin/workers/w1', /^(?![^]*boot-1)[^]*bad \[2Jkey/],
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

  it.each<[words: string, document: unknown]>([
    ['tenants list', { tenants: [TENANT] }],
    ['tenants show acme', TENANT],
    ['tenants create acme', TENANT],
    ['quotas show', QUOTAS],
    ['quotas show acme', QUOTAS],
    ['quotas set acme weight=2', QUOTAS],
    ['quotas unset acme weight', QUOTAS],
    ['quotas defaults', DEFAULTS],
    ['quotas defaults show', DEFAULTS],
    ['quotas defaults set weight=2', DEFAULTS],
    ['quotas defaults unset weight', DEFAULTS],
    ['keys list', { keys: [KEY] }],
    ['keys list --tenant acme', { keys: [KEY] }],
    ['keys list --operators', { keys: [] }],
    ['pause class batch', PAUSE],
    ['pauses', { pauses: [PAUSE] }],
    ['secrets list', { secrets: [SECRET] }],
    ['workers', { workers: [WORKER] }],
    ['workers show w1', DETAIL],
    ['pools', { pools: [POOL] }],
    ['pools --worker w1', { pools: DETAIL.pools }],
    ['schedules list', { schedules: [SCHEDULE] }],
    ['schedules show nightly', SCHEDULE],
    ['schedules disable nightly', SCHEDULE],
    [`why ${JOB_ID}`, WHY],
  ])('%s --json prints what the API said', async (words, document) => {
    const api = await serve(ROUTES);
    const { code, stdout, stderr } = await zerofleetHere(api.url, ...words.split(' '), '--json');
    expect([code, JSON.parse(stdout), stderr]).toEqual([0, document, '']);
  });

  it('read a secret from stdin or a file, and never from an argument', async () => {
    const api = await serve(ROUTES);
    const end = await start(api.url, ['secrets', 'set', 'TOKEN'], { stdin: 'correct horse\n' }).ended;
    expect(end).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(api.seen).toEqual(['PUT /v1/secrets/TOKEN {"value":"correct horse"}']);
    expect((await zerofleet(api.url, 'secrets', 'set', 'TOKEN', 'correct horse')).code).toBe(EXIT.usage);
    expect((await zerofleet(api.url, 'secrets', 'set', 'TOKEN')).code).toBe(EXIT.usage);
    const path = join(folder(), 'token');
    writeFileSync(path, 'two\nlines\r\n');
    const filed = await zerofleet(api.url, 'secrets', 'set', 'TOKEN', '--from-file', path, '--json');
    expect([filed.code, JSON.parse(filed.stdout)]).toEqual([0, SECRET]);
    expect(api.seen.slice(1)).toEqual(['PUT /v1/secrets/TOKEN {"value":"two\\nlines"}']);
  });

  it('keep no secret that they would have to change, or cannot read', async () => {
    const path = join(folder(), 'token');
    writeFileSync(path, Buffer.from([0xff, 0xfe, 0x41, 0x42]));
    const api = await serve(ROUTES);
    const words = ['secrets', 'set', 'TOKEN', '--from-file'];
    for (const [file, says] of [
      [path, /not UTF-8 text/],
      [`${path}.none`, /ENOENT/],
    ] as const) {
      const end = await zerofleetHere(api.url, ...words, file);
      expect([end.code, end.stdout]).toEqual([EXIT.usage, '']);
      expect(end.stderr).toMatch(/^zerofleet: [^\n]+\n$/);
      expect(end.stderr).toMatch(says);
    }
    expect(api.seen).toEqual([]);
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
    for (const [word, enabled] of [
      ['disable', false],
      ['enable', true],
    ] as const) {
      expect((await zerofleet(api.url, 'schedules', word, 'nightly')).code).toBe(0);
      const [, body = ''] = api.seen.at(-1)?.split('PUT /v1/schedules/nightly ') ?? [];
      const { cron, zone, missed, job } = SCHEDULE;
      expect(JSON.parse(body)).toEqual({ cron, zone, missed, enabled, job });
    }
  });

  it('write a key to a file that nobody else reads, and over none', async () => {
    const path = join(folder(), 'ci.key');
    const api = await serve(ROUTES);
    const end = await zerofleet(api.url, 'keys', 'create', 'ci', '--key-out', path);
    expect(end.stdout).toBe('');
    expect(end.stderr).toMatch(/^zerofleet: key abcdefghijkl 'ci' may read; in [^\n]+\n$/);
    expect(readFileSync(path, 'utf8')).toBe('zf_new\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await zerofleet(api.url, 'keys', 'create', 'ci', '--key-out', path);
    expect(again.code).toBe(EXIT.usage);
    expect(again.stderr).toMatch(/^zerofleet: no key was made[^\n]+EEXIST[^\n]+\n$/);
    expect(api.seen).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe('zf_new\n');
  });

  it('leave no file behind for a key that is refused', async () => {
    const path = join(folder(), 'ci.key');
    const api = await serve({ 'POST /v1/keys': refuse(409, 'too_many', 'There may be 64 keys.') });
    expect((await zerofleetHere(api.url, 'keys', 'create', 'ci', '--key-out', path)).code).toBe(EXIT.usage);
    expect(existsSync(path)).toBe(false);
  });

  it('print a key with --json in the document alone, and not at all where it is in a file', async () => {
    const path = join(folder(), 'ci.key');
    const api = await serve(ROUTES);
    const { stdout, stderr } = await zerofleetHere(api.url, '--json', 'keys', 'create', 'ci');
    expect([JSON.parse(stdout), stderr]).toEqual([{ ...KEY, key: 'zf_new' }, '']);
    const kept = await zerofleetHere(api.url, '--json', 'keys', 'create', 'ci', '--key-out', path);
    expect([JSON.parse(kept.stdout), kept.stderr]).toEqual([KEY, '']);
    expect(readFileSync(path, 'utf8')).toBe('zf_new\n');
  });

  it.each([
    ['720h', 720 * 3_600_000],
    ['30s', 30_000],
  ])('turn --expires %s into a time', async (text, ms) => {
    const api = await serve(ROUTES);
    const before = Date.now();
    await zerofleetHere(api.url, 'keys', 'create', 'ci', '--expires', text);
    const [, body = ''] = api.seen[0]?.split('POST /v1/keys ') ?? [];
    const atMs = Date.parse((JSON.parse(body) as { expiresAt: string }).expiresAt);
    expect(atMs).toBeGreaterThanOrEqual(before + ms);
    expect(atMs).toBeLessThanOrEqual(Date.now() + ms);
  });

  it('hand a time for --expires on as it is', async () => {
    const api = await serve(ROUTES);
    await zerofleetHere(api.url, 'keys', 'create', 'ci', '--expires', '2030-01-31T12:00:00Z');
    expect(api.seen).toEqual(['POST /v1/keys {"name":"ci","expiresAt":"2030-01-31T12:00:00Z"}']);
  });

  it('does not ask twice for a key, and says so when one may have been made', async () => {
    const api = await serve({ 'POST /v1/keys': (reply) => reply.socket?.destroy() });
    const end = await zerofleetHere(api.url, 'keys', 'create', 'ci');
    expect(end).toMatchObject({ code: EXIT.unavailable, stdout: '' });
    expect(end.stderr).toMatch(/^zerofleet: it may or may not have been made[^\n]*keys list[^\n]*\n$/);
    expect(api.seen).toHaveLength(1);
  });

  it('says so when what answers is no fleet', async () => {
    const api = await serve({ 'GET /v1/quotas': answer(200, { hello: 'world' }) });
    const end = await zerofleetHere(api.url, 'quotas', 'show');
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
    ['dead-letters redrive --all --rate 0/s', /--rate is '0\/s'/],
    [`dead-letters redrive ${JOB_ID} --tool echo`, /--tool goes with --all/],
    [`dead-letters redrive ${JOB_ID} --rate 5/s`, /--rate goes with --all/],
    ['quotas set acme weight=2 weight=3', /'weight' is given twice/],
    ['quotas set acme toolRunningMax.echo=none', /cannot be none; unset toolRunningMax/],
    ['quotas set acme toolRunningMax.=3', /names no tool/],
    ['quotas set acme toolRunningMax.No=3', /names no tool/],
    ['quotas set acme timeoutMsMax=soon', /give a duration/],
    ['quotas set acme computeSecondsPerDay=500ms', /give whole seconds/],
    ['quotas set acme computeSecondsPerDay=0', /give whole seconds/],
    ['quotas defaults set storedBytesMax=0', /give bytes such as/],
    ['quotas set acme', /missing required argument 'quotas'/],
    ['tenants create acme weight=x', /give a number/],
    ['resume tenant acme more', /cannot be paused; give fleet/],
    ['keys create ci --expires 30d', /give a duration/],
    ['keys create ci --key-out /none/there', /no key was made[^\n]+ENOENT/],
    ['workers show', /missing required argument 'id'/],
    ['workers w1', /unknown command|too many arguments/],
    ['workers show ..', /'\.\.' cannot be a name/],
    ['pools w1', /too many arguments/],
    ['pools --worker', /argument missing/],
    ['keys revoke', /missing required argument 'id'/],
    ['schedules set nightly --cron x echo what', /write key=value/],
    ['schedules set nightly --cron x echo --delay 5s', /unknown option '--delay'/],
    ['why', /missing required argument 'id'/],
  ])('%s is wrong, in one line, with exit code 2', async (words, says) => {
    const api = await serve(ROUTES);
    const end = await zerofleetHere(api.url, ...words.split(' '));
    expect(end.code).toBe(EXIT.usage);
    expect(end.stderr).toMatch(/^zerofleet: [^\n]+\n$/);
    expect(end.stderr).toMatch(says);
    expect(api.seen).toEqual([]);
  });

  it.each([
    [401, 'unauthorized', EXIT.unauthorized],
    [403, 'forbidden', EXIT.unauthorized],
    [400, 'invalid_request', EXIT.usage],
    [404, 'not_found', EXIT.notFound],
    [409, 'conflict', EXIT.unavailable],
    [409, 'too_many', EXIT.usage],
    [503, 'controls_unavailable', EXIT.unavailable],
  ])('%i %s exits with its code', async (status, code, exit) => {
    const api = await serve({ 'GET /v1/admin/tenants': refuse(status, code, 'It is so.') });
    const end = await zerofleetHere(api.url, '--retry', '0s', 'tenants', 'list');
    expect(end.code).toBe(exit);
    expect(end.stderr).toMatch(/^zerofleet: It is so[^\n]*\n$/);
  });
});

describe('class and session', () => {
  it('of a job go with it, from run and submit', async () => {
    const api = await serve({ 'POST /v1/jobs': answer(202, jobView('queued')) });
    for (const words of [['submit'], ['run', '--detach']])
      await zerofleetHere(api.url, ...words, 'echo', '--class', 'high', '--session', 'chat-1');
    const sent = 'POST /v1/jobs {"tool":"echo","arguments":{},"class":"high","session":"chat-1"}';
    expect(api.seen).toEqual([sent, sent]);
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
    const end = await zerofleetHere(api.url, 'submit', 'echo');
    expect(end).toEqual({ code: 0, stdout: `${JOB_ID}\n`, stderr: '' });
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(calls).toBe(2);
  });

  it.each(['rate_limited', 'quota_queued', 'quota_sessions', 'quota_stored'])(
    '%s is not waited out beyond the patience: it exits 3 after one try',
    async (code) => {
      const api = await serve({ 'POST /v1/jobs': refuse(429, code, 'It is so.', { retryAfterMs: 60_000 }) });
      const end = await zerofleetHere(api.url, 'submit', 'echo');
      expect(end).toEqual({ code: EXIT.unavailable, stdout: '', stderr: 'zerofleet: It is so.\n' });
      expect(api.seen).toHaveLength(1);
    },
  );
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
    const end = await zerofleetHere(
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

  it('that fail again are not redriven again by the same command', async () => {
    const id = (n: number): JobView['id'] => `0192f3a0-0000-7000-8000-00000000000${n}` as JobView['id'];
    const letters = [jobView('failed', { id: id(1) }), jobView('failed', { id: id(3) })];
    const api = await serve({
      'GET /v1/dead-letters': (reply, body) => {
        const after = Number(new URLSearchParams(api.queries.at(-1)).get('after'));
        const next = after + 1 < letters.length ? after + 1 : null;
        answer(200, { letters: letters.slice(after, after + 1), next })(reply, body);
      },
      [`POST /v1/dead-letters/${id(1)}/redrive`]: (reply, body) => {
        letters.push(jobView('failed', { id: id(2) }));
        answer(202, jobView('queued', { id: id(2) }))(reply, body);
      },
      [`POST /v1/dead-letters/${id(3)}/redrive`]: answer(202, jobView('queued', { id: id(4) })),
    });
    const end = await zerofleetHere(
      api.url,
      'dead-letters',
      'redrive',
      '--all',
      '--rate',
      '1000/s',
      '--json',
    );
    expect([end.code, JSON.parse(end.stdout)]).toEqual([0, { redriven: 2 }]);
    expect(api.queries.map((query) => query.replace('limit=100&after=', ''))).toEqual(['0', '1', '2']);
    expect(api.seen.filter((line) => line.includes(id(2)))).toEqual([]);
  });
});
