import { afterEach, describe, expect, it } from 'vitest';
import { ZerofleetClient } from './client.js';
import { CreationAmbiguousError, ProblemError, UnexpectedAnswerError } from './errors.js';
import {
  cut,
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

const clientOf = (urls: string[], clock = new QuickClock()): ZerofleetClient =>
  new ZerofleetClient({ urls, apiKey: 'zf_key', clock, random: () => 0.5 });

const AT = '2026-01-01T00:00:00.000Z';
const KEY = { id: 'abcdefghijkl', name: 'ci', scopes: ['read'], createdAt: AT, expiresAt: null };
const made = json(201, { ...KEY, source: 'store', key: 'zf_new' });
const SECRET = { name: 'TOKEN', createdAt: AT, updatedAt: AT };
const QUOTAS = { tenant: 'acme', quotas: {}, own: {}, usage: null };
const TENANT = { tenant: 'acme', own: {}, keys: 0, paused: false, createdAt: AT };
const PAUSE = { target: 'fleet', reason: '', since: AT, by: 'root' };
const SCHEDULE = {
  ...{ name: 'nightly', cron: '0 3 * * *', zone: 'UTC', missed: 'once', enabled: true },
  ...{ job: { tool: 'echo' }, createdAt: AT, updatedAt: AT, next: [] },
};
const CONTAINERS = { starting: 0, warm: 2, busy: 1, idle: 0, parked: 0 };
const STATS = {
  ...{ claims: { warm: 3 }, hitRate: 1, misses: {}, startMsP50: 200, startMsP95: null },
  ...{ refillPerS: null, failures: 0, breaker: 'closed' },
};
const POOL = { key: 'a|runc', image: null, workers: 1, target: 2, ...CONTAINERS, stats: STATS };
const WORKER = {
  ...{ worker: 'w1', boot: 'b', mode: 'warm', stage: 'ready', ageMs: 5, attempts: 0 },
  ...{ room: { cpuMilli: 1, memoryMiB: 1 }, free: { cpuMilli: 1, memoryMiB: 1 }, containers: CONTAINERS },
};
const DETAIL = { ...WORKER, held: [{ id: 'x', attempt: 1 }], pools: [{ ...POOL, stats: null }] };
const WHY = { id: 'x', stage: 'running', waiting: null };
const gone: Handler = (_, reply) => void reply.writeHead(204).end();

const SESSION = { session: 's 1', state: 'saved', openedAt: AT, usedAt: AT, saved: { at: AT, bytes: 1 } };

type Ask = (client: ZerofleetClient) => Promise<unknown>;

describe('each call', () => {
  it.each<[request: string, ask: Ask, answer: unknown]>([
    ['GET /v1/quotas', ({ settings }) => settings.quotas(), QUOTAS],
    ['GET /v1/keys', ({ settings }) => settings.keys(), { keys: [KEY] }],
    ['GET /v1/secrets', ({ settings }) => settings.secrets(), { secrets: [SECRET] }],
    ['PUT /v1/secrets/TOKEN {"value":"v"}', ({ settings }) => settings.setSecret('TOKEN', 'v'), SECRET],
    ['GET /v1/schedules', ({ settings }) => settings.schedules(), { schedules: [SCHEDULE] }],
    ['GET /v1/schedules/nightly', ({ settings }) => settings.schedule('nightly'), SCHEDULE],
    [
      'PUT /v1/schedules/nightly {"cron":"0 3 * * *","job":{"tool":"echo"}}',
      ({ settings }) => settings.setSchedule('nightly', { cron: '0 3 * * *', job: { tool: 'echo' } }),
      SCHEDULE,
    ],
    ['GET /v1/sessions', ({ settings }) => settings.sessions(), { sessions: [SESSION] }],
    ['GET /v1/sessions/s%201', ({ settings }) => settings.session('s 1'), SESSION],
    ['GET /v1/jobs/x/why', (client) => client.why('x'), WHY],
    ['GET /v1/admin/tenants', ({ admin }) => admin.tenants(), { tenants: [TENANT] }],
    ['GET /v1/admin/tenants/acme', ({ admin }) => admin.tenant('acme'), TENANT],
    ['PUT /v1/admin/tenants/acme {}', ({ admin }) => admin.putTenant('acme'), TENANT],
    ['GET /v1/admin/tenants/acme/quotas', ({ admin }) => admin.quotas('acme'), QUOTAS],
    [
      'PATCH /v1/admin/tenants/acme/quotas {"unset":["weight"]}',
      ({ admin }) => admin.changeQuotas('acme', { unset: ['weight'] }),
      QUOTAS,
    ],
    ['GET /v1/admin/defaults', ({ admin }) => admin.defaults(), { quotas: {}, own: {} }],
    [
      'PATCH /v1/admin/defaults {"set":{"queuedMax":null}}',
      ({ admin }) => admin.changeDefaults({ set: { queuedMax: null } }),
      { quotas: {}, own: {} },
    ],
    ['GET /v1/admin/keys', ({ admin }) => admin.keys(null), { keys: [] }],
    ['GET /v1/admin/tenants/acme/keys', ({ admin }) => admin.keys('acme'), { keys: [] }],
    ['GET /v1/admin/pauses', ({ admin }) => admin.pauses(), { pauses: [PAUSE] }],
    ['PUT /v1/admin/pauses/fleet {"reason":"r"}', ({ admin }) => admin.pause('fleet', 'r'), PAUSE],
    ['GET /v1/admin/workers', ({ admin }) => admin.workers(), { workers: [WORKER] }],
    ['GET /v1/admin/workers/w1', ({ admin }) => admin.worker('w1'), DETAIL],
    ['GET /v1/admin/pools', ({ admin }) => admin.pools(), { pools: [POOL] }],
  ])('%s is sent, sent again after a lost answer, and its answer read', async (request, ask, answer) => {
    const server = await serve(cut, json(200, answer), json(200, { error: 'no such page' }));
    const client = clientOf([server.url]);
    expect(await ask(client)).toEqual(answer);
    const sent = server.seen.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());
    expect(sent).toEqual([request, request]);
    await expect(ask(client)).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });
});

describe('a deletion', () => {
  it.each<[path: string, ask: Ask]>([
    ['/v1/keys/abc', ({ settings }) => settings.revokeKey('abc')],
    ['/v1/secrets/TOKEN', ({ settings }) => settings.deleteSecret('TOKEN')],
    ['/v1/schedules/nightly', ({ settings }) => settings.deleteSchedule('nightly')],
    ['/v1/sessions/a%2Fb', ({ settings }) => settings.endSession('a/b')],
    ['/v1/admin/tenants/acme', ({ admin }) => admin.deleteTenant('acme')],
    ['/v1/admin/tenants/acme/keys/abc', ({ admin }) => admin.revokeKey('acme', 'abc')],
    ['/v1/admin/keys/abc', ({ admin }) => admin.revokeKey(null, 'abc')],
    ['/v1/admin/pauses/class.batch', ({ admin }) => admin.resume('class.batch')],
  ])('of %s is sent', async (path, ask) => {
    const server = await serve(gone);
    await ask(clientOf([server.url]));
    expect(server.seen).toMatchObject([{ method: 'DELETE', url: path, body: '' }]);
  });

  it.each<[string, Handler]>([
    ['an answer that was lost', cut],
    ['a gateway that is not ours', json(502, 'bad gateway')],
    ['a change that is not confirmed', problem(503, 'controls_unavailable')],
  ])('is done when its object is gone after %s', async (_, first) => {
    const server = await serve(first, problem(404, 'not_found'));
    await clientOf([server.url]).settings.deleteSecret('TOKEN');
    expect(server.seen).toHaveLength(2);
  });

  it.each<[string, Handler[]]>([
    ['there was none', [problem(404, 'not_found')]],
    ['nothing can have been deleted before', [problem(503, 'no_leader'), problem(404, 'not_found')]],
  ])('is refused when %s', async (_, handlers) => {
    const { settings } = clientOf([await refusedUrl(), (await serve(...handlers)).url]);
    await expect(settings.deleteSecret('TOKEN')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a new key', () => {
  it.each<[path: string, ask: Ask]>([
    ['/v1/keys', ({ settings }) => settings.createKey({ name: 'ci' })],
    ['/v1/admin/tenants/acme/keys', ({ admin }) => admin.createKey('acme', { name: 'ci' })],
    ['/v1/admin/keys', ({ admin }) => admin.createKey(null, { name: 'ci' })],
  ])('of %s is made where a connection stands', async (path, ask) => {
    const server = await serve(made);
    expect(await ask(clientOf([await refusedUrl(), server.url]))).toMatchObject({ key: 'zf_new' });
    expect(server.seen).toMatchObject([{ method: 'POST', url: path, body: '{"name":"ci"}' }]);
  });

  it.each<[string, Handler]>([
    ['an answer that was lost', cut],
    ['a gateway that is not ours', json(504, 'too late')],
    ['an answer without the key', json(201, KEY)],
  ])('is not asked for again after %s, and may have been made', async (_, handler) => {
    const [first, second] = [await serve(handler, made), await serve(made)];
    const asked = clientOf([first.url, second.url]).settings.createKey({ name: 'ci' });
    await expect(asked).rejects.toBeInstanceOf(CreationAmbiguousError);
    expect([first.seen.length, second.seen.length]).toEqual([1, 0]);
  });

  it('is not asked for again where the fleet cannot say, and its words are kept', async () => {
    const server = await serve(problem(503, 'controls_unavailable', { 'retry-after': '1' }), made);
    const asked = clientOf([server.url]).settings.createKey({ name: 'ci' });
    await expect(asked).rejects.toBeInstanceOf(ProblemError);
    await expect(asked).rejects.toMatchObject({ code: 'controls_unavailable' });
    expect(server.seen).toHaveLength(1);
  });
});

describe('a quota that is used up', () => {
  const accepted = json(202, jobView('queued'));

  it.each(['rate_limited', 'quota_queued', 'quota_sessions', 'quota_stored'])(
    '%s is waited out at every URL at once, within the budget',
    async (code) => {
      const full = await serve(problem(429, code, { 'retry-after': '3' }), accepted);
      const other = await serve(accepted);
      const clock = new QuickClock();
      await clientOf([full.url, other.url], clock).submit({ tool: 'echo' });
      expect(clock.pauses).toEqual([3_050]);
      expect([full.seen.length, other.seen.length]).toEqual([2, 0]);
      const long = await serve(problem(429, code, { 'retry-after': '60' }), accepted);
      const refused = clientOf([long.url]).submit({ tool: 'echo' });
      await expect(refused).rejects.toMatchObject({ code, retryAfterMs: 60_000 });
      expect(long.seen).toHaveLength(1);
    },
  );

  it('is not waited for where nobody knows when there is room', async () => {
    const server = await serve(problem(429, 'quota_stored'), accepted);
    const refused = clientOf([server.url]).submit({ tool: 'echo' });
    await expect(refused).rejects.toMatchObject({ code: 'quota_stored' });
    expect(server.seen).toHaveLength(1);
  });
});
