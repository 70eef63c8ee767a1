import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProblemCode } from '@zerofleet/model';
import type {
  KeysView,
  NewKeyView,
  PausesView,
  QuotasView,
  ScheduleView,
  SchedulesView,
  SecretsView,
  TenantsView,
  WhyView,
} from '@zerofleet/protocol';
import { Bench, expectRefusal, JOB, KEYS, NOBODYS_JOB, ROOT, settled } from './bench.test.helper.js';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  await bench.begin();
});
afterEach(() => bench.close());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const root = (method: Method, url: string, body?: object): ReturnType<Bench['call']> =>
  bench.call(method, url, { key: ROOT, ...(body === undefined ? {} : { body }) });
const ada = (method: Method, url: string, body?: object): ReturnType<Bench['call']> =>
  bench.call(method, url, body === undefined ? {} : { body });
const setQuotas = async (set: object): Promise<void> => {
  expect((await root('PATCH', '/v1/admin/tenants/ada/quotas', { set })).statusCode).toBe(200);
};

describe('operators', () => {
  it('make tenants, give them keys and quotas, and take all of it back', async () => {
    expect((await root('PUT', '/v1/admin/tenants/cy', { quotas: { weight: 2 } })).statusCode).toBe(201);
    const made = await root('POST', '/v1/admin/tenants/cy/keys', { name: 'ci', scopes: ['submit'] });
    expect(made.statusCode).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { key, id } = made.json<NewKeyView>();
    expect((await bench.post(JOB, undefined, key)).statusCode).toBe(202);
    expectRefusal(await bench.call('GET', '/v1/status', { key }), 'forbidden', undefined);
    const listed = (await root('GET', '/v1/admin/tenants/cy/keys')).json<KeysView>();
    expect(listed.keys).toMatchObject([{ id, name: 'ci', scopes: ['submit'], source: 'store' }]);
    expect(
      JSON.stringify([...bench.settings.records.values()].map(({ bytes }) => Buffer.from(bytes).toString())),
    ).not.toContain(key);
    const { tenants } = (await root('GET', '/v1/admin/tenants')).json<TenantsView>();
    expect(tenants.map(({ tenant, keys }) => [tenant, keys])).toEqual([
      ['ada', 1],
      ['bob', 1],
      ['cy', 1],
    ]);
    expect((await root('DELETE', '/v1/admin/tenants/cy')).statusCode).toBe(204);
    expectRefusal(await bench.post(JOB, undefined, key), 'unauthorized', undefined);
    expectRefusal(await root('GET', '/v1/admin/tenants/cy'), 'not_found', undefined);
  });

  it('change quotas member by member, over the defaults of all', async () => {
    await root('PATCH', '/v1/admin/defaults', { set: { queuedMax: 9, runningMax: 3 } });
    await setQuotas({ queuedMax: null, toolRunningMax: { echo: 2 } });
    await setQuotas({ toolRunningMax: { other: 1 } });
    const view = (await ada('GET', '/v1/quotas')).json<QuotasView>();
    expect(view.own).toEqual({ queuedMax: null, toolRunningMax: { echo: 2, other: 1 } });
    expect(view.quotas).toMatchObject({ queuedMax: null, runningMax: 3, weight: 1 });
    expect(view.usage).toMatchObject({ queued: 0, running: 0, storedBytes: 0 });
    await root('PATCH', '/v1/admin/tenants/ada/quotas', { unset: ['queuedMax'] });
    expect((await ada('GET', '/v1/quotas')).json<QuotasView>().quotas.queuedMax).toBe(9);
  });

  it('pause and resume; what waits says so', async () => {
    const paused = await root('PUT', '/v1/admin/pauses/tool.echo', { reason: 'a bad image' });
    expect(paused.json()).toMatchObject({ target: 'tool.echo', reason: 'a bad image', by: 'root' });
    bench.addWorker();
    const { id } = await bench.submit();
    const why = (await ada('GET', `/v1/jobs/${id}/why`)).json<WhyView>();
    expect(why).toMatchObject({ id, stage: 'queued', waiting: { reason: 'paused', waitMs: null } });
    expect((await root('GET', '/v1/admin/pauses')).json<PausesView>().pauses).toHaveLength(1);
    expect((await root('DELETE', '/v1/admin/pauses/tool.echo')).statusCode).toBe(204);
    await bench.finish(id);
    const after = (await ada('GET', `/v1/jobs/${id}/why`)).json<WhyView>();
    expect(after).toEqual({ id, stage: 'succeeded', waiting: null });
  });

  it('hear when the store is away or another was faster', async () => {
    bench.settings.conflicts = 2;
    await setQuotas({ weight: 3 });
    bench.settings.conflicts = 3;
    expectRefusal(await root('PATCH', '/v1/admin/tenants/ada/quotas', { set: {} }), 'conflict', undefined);
    bench.settings.conflicts = 0;
    bench.settings.away = true;
    for (const answer of [
      await root('PATCH', '/v1/admin/tenants/ada/quotas', { set: { weight: 4 } }),
      await root('PUT', '/v1/admin/pauses/fleet', {}),
      await root('DELETE', '/v1/admin/pauses/fleet'),
      await root('POST', '/v1/admin/keys', { name: 'k' }),
    ])
      expectRefusal(answer, 'controls_unavailable', '1');
    expect((await ada('GET', '/v1/quotas')).json<QuotasView>().quotas.weight).toBe(3);
  });

  it('have no jobs of their own, and tenants no say in settings of all', async () => {
    for (const url of ['/v1/jobs', '/v1/quotas', '/v1/secrets', '/v1/keys'])
      expectRefusal(
        await root(url === '/v1/jobs' ? 'POST' : 'GET', url, url === '/v1/jobs' ? JOB : undefined),
        'forbidden',
        undefined,
      );
    for (const url of ['/v1/admin/tenants', '/v1/admin/pauses', '/v1/admin/defaults', '/v1/admin/keys'])
      expectRefusal(await ada('GET', url), 'forbidden', undefined);
    expectRefusal(
      await ada('PATCH', '/v1/admin/tenants/ada/quotas', { set: { weight: 9 } }),
      'forbidden',
      undefined,
    );
  });
});

describe('keys', () => {
  it('are made by tenants with no more than their own scopes, expire, and end at once when revoked', async () => {
    const made = (await ada('POST', '/v1/keys', { name: 'manager', scopes: ['manage'] })).json<NewKeyView>();
    const by = (body: object): ReturnType<Bench['call']> =>
      bench.call('POST', '/v1/keys', { key: made.key, body });
    expectRefusal(await by({ name: 'more', scopes: ['submit'] }), 'forbidden', undefined);
    expect((await by({ name: 'same' })).json<NewKeyView>().scopes).toEqual(['manage']);
    const soon = new Date(bench.clock.wallMs() + 5_000).toISOString();
    const short = (await ada('POST', '/v1/keys', { name: 'short', expiresAt: soon })).json<NewKeyView>();
    expect((await bench.call('GET', '/v1/tools', { key: short.key })).statusCode).toBe(200);
    await bench.clock.advance(5_000);
    expectRefusal(await bench.call('GET', '/v1/tools', { key: short.key }), 'unauthorized', undefined);
    expect((await ada('DELETE', `/v1/keys/${made.id}`)).statusCode).toBe(204);
    expectRefusal(await by({ name: 'late' }), 'unauthorized', undefined);
    // Nobody revokes another tenant's, or one of the file.
    expectRefusal(
      await bench.call('DELETE', `/v1/keys/${short.id}`, { key: KEYS.bob }),
      'not_found',
      undefined,
    );
    const filed = (await ada('GET', '/v1/keys'))
      .json<KeysView>()
      .keys.find(({ source }) => source === 'file');
    expectRefusal(await ada('DELETE', `/v1/keys/${filed?.id ?? ''}`), 'not_found', undefined);
  });
});

describe('quotas', () => {
  it('of the submit rate answer 429 with the exact time, and say what is left', async () => {
    await setQuotas({ submitRate: { perSecond: 0.25, burst: 2 } });
    await bench.clock.advance(8_000);
    const [first, second, third] = [await bench.post(), await bench.post(), await bench.post()];
    expect(first.headers['ratelimit-policy']).toBe('"submit";q=2;w=8');
    expect(first.headers['ratelimit']).toBe('"submit";r=1;t=4');
    expect(second.headers['ratelimit']).toBe('"submit";r=0;t=4');
    expectRefusal(third, 'rate_limited', '4');
    expect(third.headers['ratelimit']).toBe('"submit";r=0;t=4');
    // Shed here, without the leader, and by every gateway that was told.
    expect(bench.shedNotes).toMatchObject([{ tenant: 'ada', why: 'rate_limited', retryAfterMs: 4_000 }]);
    await bench.clock.advance(100);
    expectRefusal(await bench.post(), 'rate_limited', '4');
    expect((await bench.post(JOB, undefined, KEYS.bob)).statusCode).toBe(202);
    await bench.clock.advance(3_900);
    expect((await bench.post()).statusCode).toBe(202);
  });

  it('shed what another gateway was refused, but only for a moment, and not after a change', async () => {
    const note = { tenant: 'ada', why: 'rate_limited', retryAfterMs: 60_000 } as Parameters<
      Bench['hearShed']
    >[0];
    bench.hearShed(note);
    expectRefusal(await bench.post(), 'rate_limited', '60');
    await bench.clock.advance(500);
    expect((await bench.post()).statusCode).toBe(202);
    bench.hearShed(note);
    await setQuotas({ weight: 2 });
    expect((await bench.post()).statusCode).toBe(202);
  });

  it('of waiting jobs, sessions and stored bytes refuse what is over', async () => {
    await setQuotas({ queuedMax: 2, sessionsMax: 1 });
    expect((await bench.post({ ...JOB, session: 'a' })).statusCode).toBe(202);
    expectRefusal(await bench.post({ ...JOB, session: 'b' }), 'quota_sessions', '1');
    expect((await bench.post({ ...JOB, session: 'a' })).statusCode).toBe(202);
    expectRefusal(await bench.post(), 'quota_queued', '1');
    await setQuotas({ queuedMax: null, storedBytesMax: 300_000 });
    await bench.clock.advance(1_000);
    expect((await bench.post()).statusCode).toBe(202);
    await setQuotas({ storedBytesMax: 1_000 });
    expectRefusal(await bench.post(), 'quota_stored', undefined);
  });

  it('of payload, time limit and class are said with what they allow', async () => {
    await setQuotas({ payloadBytesMax: 60, timeoutMsMax: 500, ceiling: 'batch' });
    const long = { ...JOB, arguments: { text: 'x'.repeat(100) } };
    expect(expectRefusal(await bench.post(long), 'payload_over_quota', undefined).detail).toMatch(
      /60 at most/,
    );
    expectRefusal(await bench.post({ ...JOB, timeoutMs: 501 }), 'runtime_over_quota', undefined);
    expectRefusal(await bench.post({ ...JOB, class: 'normal' }), 'class_over_ceiling', undefined);
    expect(await bench.submit()).toMatchObject({ class: 'batch', timeoutMs: 500 });
  });
});

describe('secrets', () => {
  it('are written, listed by name and deleted, and never shown', async () => {
    const value = 'correct horse battery staple';
    const put = await ada('PUT', '/v1/secrets/TOKEN', { value });
    expect(put.statusCode).toBe(201);
    expect((await ada('PUT', '/v1/secrets/TOKEN', { value })).statusCode).toBe(200);
    const all = [
      put.body,
      (await ada('GET', '/v1/secrets')).body,
      ...[...bench.settings.records.values()].map(({ bytes }) => Buffer.from(bytes).toString()),
    ];
    expect(all.join('\n')).not.toContain(value);
    expect((await ada('GET', '/v1/secrets')).json<SecretsView>().secrets).toMatchObject([{ name: 'TOKEN' }]);
    expect((await bench.call('GET', '/v1/secrets', { key: KEYS.bob })).json<SecretsView>().secrets).toEqual(
      [],
    );
    expect((await ada('DELETE', '/v1/secrets/TOKEN')).statusCode).toBe(204);
    expectRefusal(await ada('DELETE', '/v1/secrets/TOKEN'), 'not_found', undefined);
  });
});

describe('schedules', () => {
  const NIGHTLY = { cron: '0 3 * * *', zone: 'Europe/Berlin', job: JOB };

  it('are set, shown with their next runs, and deleted', async () => {
    expect((await ada('PUT', '/v1/schedules/nightly', NIGHTLY)).statusCode).toBe(201);
    const view = (await ada('GET', '/v1/schedules/nightly')).json<ScheduleView>();
    expect(view).toMatchObject({ name: 'nightly', missed: 'once', enabled: true });
    expect(view.next.map((at) => at.slice(11))).toEqual(['02:00:00.000Z', '02:00:00.000Z', '02:00:00.000Z']);
    expect((await ada('PUT', '/v1/schedules/nightly', { ...NIGHTLY, enabled: false })).statusCode).toBe(200);
    expect((await ada('GET', '/v1/schedules')).json<SchedulesView>().schedules).toMatchObject([{ next: [] }]);
    expectRefusal(
      await bench.call('GET', '/v1/schedules/nightly', { key: KEYS.bob }),
      'not_found',
      undefined,
    );
    expect((await ada('DELETE', '/v1/schedules/nightly')).statusCode).toBe(204);
    expectRefusal(await ada('GET', '/v1/schedules/nightly'), 'not_found', undefined);
  });
});

describe('why', () => {
  it('tells of a job that is not due yet, and of none that is not there', async () => {
    const { id } = await bench.submit({ ...JOB, delayMs: 60_000 });
    await settled();
    const view = (await ada('GET', `/v1/jobs/${id}/why`)).json<WhyView>();
    expect(view.waiting).toMatchObject({ reason: 'due', waitMs: 60_000 });
    for (const [job, key] of [
      [NOBODYS_JOB, KEYS.ada],
      [id, KEYS.bob],
      ['x', KEYS.ada],
    ] as const)
      expectRefusal(await bench.call('GET', `/v1/jobs/${job}/why`, { key }), 'not_found', undefined);
  });
});

/** Bad input: who asks, how, where, with what, and what it is told. */
const BAD: readonly (readonly [string, string, Method, string, object | undefined, ProblemCode])[] = [
  ...[0, -1, 1.5, 1e16, '5', Number.MAX_SAFE_INTEGER].flatMap((value) =>
    ['queuedMax', 'runningMax', 'sessionsMax', 'computeSecondsPerDay'].map(
      (name) =>
        [
          `${name} of ${value}`,
          ROOT,
          'PATCH',
          '/v1/admin/tenants/ada/quotas',
          { set: { [name]: value } },
          'invalid_request',
        ] as const,
    ),
  ),
  ...[0, -1, 1e9, 'heavy', null].map(
    (weight) =>
      [
        `a weight of ${weight}`,
        ROOT,
        'PATCH',
        '/v1/admin/tenants/ada/quotas',
        { set: { weight } },
        'invalid_request',
      ] as const,
  ),
  [
    'stored bytes without end',
    ROOT,
    'PATCH',
    '/v1/admin/defaults',
    { set: { storedBytesMax: 2 ** 51 } },
    'invalid_request',
  ],
  [
    'a rate of nothing',
    ROOT,
    'PATCH',
    '/v1/admin/defaults',
    { set: { submitRate: { perSecond: 0, burst: 1 } } },
    'invalid_request',
  ],
  [
    'a burst of nothing',
    ROOT,
    'PATCH',
    '/v1/admin/defaults',
    { set: { startRate: { perSecond: 1, burst: 0 } } },
    'invalid_request',
  ],
  [
    'a class that is none',
    ROOT,
    'PATCH',
    '/v1/admin/defaults',
    { set: { ceiling: 'urgent' } },
    'invalid_request',
  ],
  ['a quota that is none', ROOT, 'PATCH', '/v1/admin/defaults', { set: { jobs: 1 } }, 'invalid_request'],
  [
    'a tool that is none',
    ROOT,
    'PATCH',
    '/v1/admin/defaults',
    { set: { toolRunningMax: { 'No Tool': 1 } } },
    'invalid_request',
  ],
  ['a tenant that cannot be', ROOT, 'PUT', '/v1/admin/tenants/No%20Body', {}, 'invalid_request'],
  ['a tenant that is not there', ROOT, 'PATCH', '/v1/admin/tenants/nobody/quotas', { set: {} }, 'not_found'],
  ['a tenant of the file', ROOT, 'DELETE', '/v1/admin/tenants/ada', undefined, 'conflict'],
  ['a target that is none', ROOT, 'PUT', '/v1/admin/pauses/world', {}, 'invalid_request'],
  ['a class that cannot be paused', ROOT, 'PUT', '/v1/admin/pauses/class.urgent', {}, 'invalid_request'],
  [
    'weight for oneself',
    KEYS.ada,
    'PATCH',
    '/v1/admin/tenants/ada/quotas',
    { set: { weight: 100 } },
    'forbidden',
  ],
  ['weight with a job', KEYS.ada, 'POST', '/v1/jobs', { ...JOB, weight: 100 }, 'invalid_request'],
  ['another tenant with a job', KEYS.ada, 'POST', '/v1/jobs', { ...JOB, tenant: 'bob' }, 'invalid_request'],
  [
    'a session of another tenant',
    KEYS.ada,
    'POST',
    '/v1/jobs',
    { ...JOB, session: 'bob/s' },
    'invalid_request',
  ],
  ['a session without a name', KEYS.ada, 'POST', '/v1/jobs', { ...JOB, session: '' }, 'invalid_request'],
  ['an unknown class', KEYS.ada, 'POST', '/v1/jobs', { ...JOB, class: 'root' }, 'invalid_request'],
  ['a key without a name', KEYS.ada, 'POST', '/v1/keys', { name: '' }, 'invalid_request'],
  ['a key with a line in its name', KEYS.ada, 'POST', '/v1/keys', { name: 'a\nb' }, 'invalid_request'],
  ['a scope that is none', KEYS.ada, 'POST', '/v1/keys', { name: 'k', scopes: ['root'] }, 'invalid_request'],
  [
    'a key of an operator by a tenant',
    KEYS.ada,
    'POST',
    '/v1/keys',
    { name: 'k', scopes: ['admin'] },
    'invalid_request',
  ],
  [
    'a tenant key that is admin',
    ROOT,
    'POST',
    '/v1/admin/tenants/ada/keys',
    { name: 'k', scopes: ['admin'] },
    'invalid_request',
  ],
  [
    'an operator key that submits',
    ROOT,
    'POST',
    '/v1/admin/keys',
    { name: 'k', scopes: ['submit'] },
    'invalid_request',
  ],
  [
    'an end in the past',
    KEYS.ada,
    'POST',
    '/v1/keys',
    { name: 'k', expiresAt: '2001-01-01T00:00:00Z' },
    'invalid_request',
  ],
  [
    'an end that is no time',
    KEYS.ada,
    'POST',
    '/v1/keys',
    { name: 'k', expiresAt: 'soon' },
    'invalid_request',
  ],
  ['a key that is not there', KEYS.ada, 'DELETE', '/v1/keys/abcdefghijkl', undefined, 'not_found'],
  ['a secret that is too short', KEYS.ada, 'PUT', '/v1/secrets/T', { value: 'short' }, 'invalid_request'],
  [
    'a secret that is too long',
    KEYS.ada,
    'PUT',
    '/v1/secrets/T',
    { value: 'ß'.repeat(20_000) },
    'invalid_request',
  ],
  ['a secret that is no text', KEYS.ada, 'PUT', '/v1/secrets/T', { value: 12_345_678 }, 'invalid_request'],
  [
    'a secret with a name that cannot be',
    KEYS.ada,
    'PUT',
    '/v1/secrets/a.b',
    { value: 'long enough' },
    'invalid_request',
  ],
  ...['', 'daily', '* * * *', '* * * * * *', '61 * * * *', '0 0 31 2 *', '* * * * MOO', 'a b c d e'].map(
    (cron) =>
      [`cron '${cron}'`, KEYS.ada, 'PUT', '/v1/schedules/s', { cron, job: JOB }, 'invalid_request'] as const,
  ),
  [
    'an unknown zone',
    KEYS.ada,
    'PUT',
    '/v1/schedules/s',
    { cron: '* * * * *', zone: 'Mars/Base', job: JOB },
    'invalid_request',
  ],
  [
    'a schedule of no tool',
    KEYS.ada,
    'PUT',
    '/v1/schedules/s',
    { cron: '* * * * *', job: { tool: 'none' } },
    'unknown_tool',
  ],
  [
    'a schedule of bad arguments',
    KEYS.ada,
    'PUT',
    '/v1/schedules/s',
    { cron: '* * * * *', job: { tool: 'echo' } },
    'invalid_arguments',
  ],
  [
    'a schedule with a time of its own',
    KEYS.ada,
    'PUT',
    '/v1/schedules/s',
    { cron: '* * * * *', job: { ...JOB, delayMs: 1 } },
    'invalid_request',
  ],
  [
    'a schedule with too much in it',
    KEYS.ada,
    'PUT',
    '/v1/schedules/s',
    { cron: '* * * * *', job: { ...JOB, arguments: { text: 'x'.repeat(20_000) } } },
    'invalid_request',
  ],
  [
    'a schedule with a name that cannot be',
    KEYS.ada,
    'PUT',
    '/v1/schedules/Big',
    { cron: '* * * * *', job: JOB },
    'invalid_request',
  ],
];

describe('bad input', () => {
  it.each(BAD)('%s is refused', async (_what, key, method, url, body, code) => {
    const before = bench.settings.records.size;
    const answer = await bench.call(method, url, { key, ...(body === undefined ? {} : { body }) });
    const { detail } = expectRefusal(answer, code, undefined);
    expect(answer.statusCode).toBeLessThan(500);
    expect(detail).not.toMatch(/\n| at .*\.js/);
    expect(bench.settings.records.size).toBe(before);
  });
});
