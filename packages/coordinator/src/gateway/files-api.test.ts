import { createHash } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  COLLECT_BYTES_MAX,
  COLLECT_PATHS_MAX,
  type BlobRef,
  type CollectedFile,
  type FilesRecord,
  type Outcome,
  type ProblemCode,
} from '@zerofleet/model';
import type { FilesView, JobView, NewKeyView, ScheduleView } from '@zerofleet/protocol';
import {
  Bench,
  DONE,
  expectRefusal,
  JOB,
  KEYS,
  NOBODYS_JOB,
  ROOT,
  settled,
  until,
} from './bench.test.helper.js';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  await bench.begin();
  bench.addWorker();
});
afterEach(() => bench.close());

const COLLECT = { ...JOB, collect: ['out', 'log.txt'] };
const stored = (data: string | Buffer): BlobRef => {
  const bytes = Buffer.from(data);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  bench.stored.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
};
const file = (path: string, data: string | Buffer = path): CollectedFile => ({ path, blob: stored(data) });
const inline = (files: readonly CollectedFile[], more: Partial<FilesRecord> = {}): FilesRecord =>
  ({
    ...{ kind: 'inline', files, skipped: [], skippedMore: 0, truncated: false },
    ...{ count: files.length, bytes: files.reduce((sum, { blob }) => sum + blob.bytes, 0) },
    ...more,
  }) as FilesRecord;
const doneWith = (files: FilesRecord): Outcome =>
  DONE.kind === 'succeeded' ? { ...DONE, report: { ...DONE.report, files } } : DONE;
/** The id of a job that left these. */
const finished = async (files: FilesRecord): Promise<string> => {
  const { id } = await bench.submit(COLLECT);
  await bench.finish(id, doneWith(files));
  await until(() => bench.outcomes.records.has(id));
  return id;
};
const ada = (url: string): ReturnType<Bench['call']> => bench.call('GET', url);
const pathOf = (id: string, path: string): string =>
  `/v1/jobs/${id}/files/${path.split('/').map(encodeURIComponent).join('/')}`;

describe('a job that collects files', () => {
  it('tells the worker of them, and says what came', async () => {
    const { id, files } = await bench.submit(COLLECT);
    expect(files).toBeNull();
    await until(() => bench.runs.length > 0);
    expect(bench.runs[0]?.payload).toMatchObject({ payload: { collect: ['out', 'log.txt'] } });
    await bench.finish(id, doneWith(inline([file('log.txt', 'hello')], { truncated: true })));
    const view = (await ada(`/v1/jobs/${id}?wait=1s`)).json<JobView>();
    expect(view).toMatchObject({ stage: 'succeeded', files: { count: 1, bytes: 5, truncated: true } });
  });

  it('asks for no file twice', async () => {
    await bench.submit({ ...JOB, collect: ['out/a', 'out', 'other', 'outer/x'] });
    await until(() => bench.runs.length > 0);
    expect(bench.runs[0]?.payload).toMatchObject({ payload: { collect: ['out', 'other', 'outer/x'] } });
    await bench.finish(bench.runs[0]?.id ?? '');
    await bench.submit({ ...JOB, collect: ['out', '.'] });
    await until(() => bench.runs.length > 1);
    expect(bench.runs[1]?.payload).toMatchObject({ payload: { collect: ['.'] } });
  });

  it('of none is as one that does not', async () => {
    await bench.submit({ ...JOB, collect: [] });
    await until(() => bench.runs.length > 0);
    expect(JSON.stringify(bench.runs[0]?.payload)).not.toContain('collect');
  });

  it('is another than one that does not, for its idempotency key', async () => {
    expect((await bench.post(COLLECT, 'k')).statusCode).toBe(202);
    expectRefusal(await bench.post(JOB, 'k'), 'idempotency_conflict', undefined);
    expect((await bench.post(COLLECT, 'k')).headers['idempotent-replayed']).toBe('true');
  });

  it('collects again when it is redriven, and each time a schedule submits it', async () => {
    const { id } = await bench.submit({ ...COLLECT, maxAttempts: 1, retry: { on: ['tool_error'] } });
    const failure = { code: 'tool_error', message: 'no' } as const;
    await bench.finish(id, { kind: 'failed', failure, report: null });
    await until(() => bench.outcomes.letters.has(id));
    const again = await bench.call('POST', `/v1/dead-letters/${id}/redrive`);
    expect(again.statusCode).toBe(202);
    await until(() => bench.runs.length > 1);
    expect(bench.runs[1]?.payload).toMatchObject({ payload: { collect: ['out', 'log.txt'] } });
    const job = { ...COLLECT };
    const put = await bench.call('PUT', '/v1/schedules/s', { body: { cron: '* * * * *', job } });
    expect(put.json<ScheduleView>().job).toMatchObject({ collect: ['out', 'log.txt'] });
  });

  it('sets their room aside, and is charged for what it kept', async () => {
    const quotas = '/v1/admin/tenants/ada/quotas';
    const set = (storedBytesMax: number): ReturnType<Bench['call']> =>
      bench.call('PATCH', quotas, { key: ROOT, body: { set: { storedBytesMax } } });
    await set(COLLECT_BYTES_MAX);
    expectRefusal(await bench.post(COLLECT), 'quota_stored', undefined);
    expect((await bench.post()).statusCode).toBe(202);
    await bench.finish(bench.runs[0]?.id ?? '');
    await set(2 * COLLECT_BYTES_MAX);
    const before = (await ada('/v1/quotas')).json<{ usage: { storedBytes: number } }>().usage.storedBytes;
    await finished(inline([file('a', Buffer.alloc(1_000_000)), file('b', Buffer.alloc(1_000_000))]));
    const after = (await ada('/v1/quotas')).json<{ usage: { storedBytes: number } }>().usage.storedBytes;
    expect(after - before).toBeGreaterThan(2_000_000);
    expect(after - before).toBeLessThan(2_010_000);
  });
});

describe('files', () => {
  it('are listed with what was skipped', async () => {
    const skipped = [{ path: 'link', why: 'symlink' }];
    const [a, b] = [file('out/a.txt', 'hello'), file('b', '')];
    const id = await finished(inline([a, b], { skipped, skippedMore: 3 }));
    expect((await ada(`/v1/jobs/${id}/files`)).json<FilesView>()).toEqual({
      ...{ id, count: 2, bytes: 5, truncated: false, skipped, skippedMore: 3 },
      files: [
        { path: 'out/a.txt', bytes: 5, sha256: a.blob.sha256 },
        { path: 'b', bytes: 0, sha256: b.blob.sha256 },
      ],
    });
  });

  it('are none of a job that asked for none, or that left nothing', async () => {
    const { id } = await bench.submit();
    await bench.finish(id);
    await until(() => bench.outcomes.records.has(id));
    const view = (await ada(`/v1/jobs/${id}/files`)).json<FilesView>();
    expect(view).toEqual({
      ...{ id, count: 0, bytes: 0, truncated: false, files: [], skipped: [], skippedMore: 0 },
    });
    expectRefusal(await ada(`/v1/jobs/${id}/files/a`), 'not_found', undefined);
  });

  it('in a list of many are found too', async () => {
    const files = Array.from({ length: 500 }, (_, n) => file(`dir/${n}`, `content ${n}`));
    const list = { files, skipped: [], skippedMore: 0 };
    const head = { count: 500, bytes: 5_390, truncated: false };
    const id = await finished({ ...head, kind: 'blob', blob: stored(JSON.stringify(list)) });
    expect((await ada(`/v1/jobs/${id}/files`)).json<FilesView>().files).toHaveLength(500);
    expect((await ada(`/v1/jobs/${id}/files/dir/77`)).body).toBe('content 77');
    bench.stored.clear();
    expectRefusal(await ada(`/v1/jobs/${id}/files`), 'outcome_unavailable', '1');
    expectRefusal(await ada(`/v1/jobs/${id}/files/dir/77`), 'outcome_unavailable', '1');
  });

  it('come as they are, whole, and as nothing that a browser would run', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, n) => n % 256));
    const page = file('out/page.html', bytes);
    const id = await finished(inline([page, file('empty', '')]));
    const answer = await ada(pathOf(id, 'out/page.html'));
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(bytes)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '1000',
      'x-content-type-options': 'nosniff',
      'content-disposition': `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      'cache-control': 'no-store',
      'repr-digest': `sha-256=:${Buffer.from(page.blob.sha256, 'hex').toString('base64')}:`,
    });
    const empty = await ada(pathOf(id, 'empty'));
    expect([empty.statusCode, empty.headers['content-length'], empty.body]).toEqual([200, '0', '']);
  });

  it.each([
    ['a space b', 'a space b'],
    ['100%', '100_'],
    ['%2e%2e', '_2e_2e'],
    ['a?b#c', 'a?b#c'],
    ['q"uo\\te', 'q_uo_te'],
    ['line\nbreak\r', 'line_break_'],
    ['grüße 漢', 'gr__e _'],
    ["it's (1)*.txt", "it's (1)*.txt"],
    ['\u202egpj.exe', '_gpj.exe'],
    ['n'.repeat(200), 'n'.repeat(200)],
    [`${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(200)}/g`, 'g'],
  ])('named %j come by their name', async (path, plain) => {
    const id = await finished(inline([file(path, `content of ${path}`)]));
    const answer = await ada(pathOf(id, path));
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe(`content of ${path}`);
    const disposition = String(answer.headers['content-disposition']);
    expect(disposition).toContain(`filename="${plain}";`);
    const encoded = disposition.split("filename*=UTF-8''")[1] ?? '';
    expect(encoded).toMatch(/^[\w.!~%-]+$/);
    expect(decodeURIComponent(encoded)).toBe(path.split('/').at(-1));
  });

  it('that were skipped say why', async () => {
    const skipped = [{ path: 'big', why: 'over_limit' }];
    const id = await finished(inline([], { skipped }));
    const { detail } = expectRefusal(await ada(pathOf(id, 'big')), 'not_found', undefined);
    expect(detail).toContain('over_limit');
  });

  it('of a job that is not final are not known', async () => {
    const { id } = await bench.submit(COLLECT);
    expectRefusal(await ada(`/v1/jobs/${id}/files`), 'not_final', undefined);
    expectRefusal(await ada(`/v1/jobs/${id}/files/a`), 'not_final', undefined);
  });

  it('that cannot be read are refused before anything of them is sent, and cut off when they break later', async () => {
    const id = await finished(inline([file('a', 'a long content')]));
    bench.blobsAway = true;
    expectRefusal(await ada(pathOf(id, 'a')), 'outcome_unavailable', '1');
    bench.blobsAway = false;
    bench.torn = true;
    await expect(ada(pathOf(id, 'a'))).rejects.toThrow();
    bench.torn = false;
    bench.stored.clear();
    expectRefusal(await ada(pathOf(id, 'a')), 'outcome_unavailable', '1');
  });

  it('are given to so many at once, and then to others', async () => {
    const id = await finished(inline([file('a')]));
    let open: () => void = () => undefined;
    bench.readGate = new Promise((resolve) => (open = resolve));
    const all = Array.from({ length: 100 }, () => ada(pathOf(id, 'a')));
    for (let n = 0; n < 20; n += 1) await settled();
    expectRefusal(await ada(pathOf(id, 'a')), 'too_many_waiters', '2');
    open();
    for (const one of await Promise.all(all)) expect(one.body).toBe('a');
    expect((await ada(pathOf(id, 'a'))).body).toBe('a');
  });
});

describe('a download over a connection', () => {
  const BIG = 32 * 1024 * 1024;
  const begin = async (key: string = KEYS.ada): Promise<IncomingMessage> => {
    bench.pieceBytes = 256 * 1024;
    const id = await finished(inline([file('big', Buffer.alloc(BIG, 'x'))]));
    await bench.server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = bench.server.server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${key}` };
      get({ port, path: pathOf(id, 'big'), headers, agent: false }, resolve).on('error', reject);
    });
  };
  /** It has read ahead as far as it will. */
  const stalled = async (): Promise<void> => {
    for (let before = -1; before !== bench.piecesRead;) {
      before = bench.piecesRead;
      for (let n = 0; n < 200; n += 1) await settled();
    }
  };
  const endOf = (answer: IncomingMessage): Promise<number> =>
    new Promise((resolve) => {
      let bytes = 0;
      answer.on('data', (piece: Buffer) => (bytes += piece.byteLength));
      answer.on('error', () => undefined);
      answer.on('close', () => resolve(bytes)).resume();
    });

  it('reads no further than its reader, and ends when it is whole', async () => {
    const answer = await begin();
    answer.pause();
    await stalled();
    expect(bench.piecesRead).toBeLessThan(100);
    expect(await endOf(answer)).toBe(BIG);
  });

  it('is cut off when nothing was taken for half a minute', async () => {
    const answer = await begin();
    answer.pause();
    await stalled();
    await bench.clock.advance(30_000);
    expect(await endOf(answer)).toBeLessThan(BIG);
  });

  it('is cut off when its key is none any more', async () => {
    const made = await bench.call('POST', '/v1/keys', { body: { name: 'short', scopes: ['read'] } });
    const { key, id } = made.json<NewKeyView>();
    const answer = await begin(key);
    answer.pause();
    await stalled();
    expect((await bench.call('DELETE', `/v1/keys/${id}`)).statusCode).toBe(204);
    await bench.clock.advance(500);
    expect(await endOf(answer)).toBeLessThan(BIG);
  });

  it('that is given up leaves nothing open', async () => {
    const answer = await begin();
    answer.destroy();
    await stalled();
    const read = bench.piecesRead;
    expect(read).toBeLessThan(100);
    await stalled();
    expect(bench.piecesRead).toBe(read);
  });
});

/** Bad submissions: what is asked for, and what it is told. */
const BAD: readonly (readonly [string, unknown, ProblemCode])[] = [
  ['an absolute path', ['/etc/passwd'], 'invalid_request'],
  ['a path above', ['../x'], 'invalid_request'],
  ['a path that goes up amid', ['a/../../x'], 'invalid_request'],
  ['a folder above', ['..'], 'invalid_request'],
  ['a path of no name', [''], 'invalid_request'],
  ['a path with an empty step', ['a//b'], 'invalid_request'],
  ['a folder with a slash behind', ['a/'], 'invalid_request'],
  ['a path with a dot step', ['./a'], 'invalid_request'],
  ['a path with NUL', ['a\0b'], 'invalid_request'],
  ['a path that is no text', ['a\ud800'], 'invalid_request'],
  ['a path that is too long', ['d/'.repeat(255) + 'abc'], 'invalid_request'],
  ['a path of too many bytes', ['ß/'.repeat(170) + 'abc'], 'invalid_request'],
  ['a name that is too long', ['n'.repeat(256)], 'invalid_request'],
  ['a path twice', ['a', 'a'], 'invalid_request'],
  ['too many paths', Array.from({ length: COLLECT_PATHS_MAX + 1 }, (_, n) => `f${n}`), 'invalid_request'],
  ['a path that is a number', [1], 'invalid_request'],
  ['a path alone', 'out', 'invalid_request'],
  ['paths by name', { path: 'out' }, 'invalid_request'],
  ['nothing', null, 'invalid_request'],
];

describe('bad input', () => {
  it.each(BAD)('%s is refused', async (_what, collect, code) => {
    const { detail } = expectRefusal(await bench.post({ ...JOB, collect }), code, undefined);
    expect(detail).not.toMatch(/\n| at .*\.js/);
    const body = { cron: '* * * * *', job: { ...JOB, collect } };
    expectRefusal(await bench.call('PUT', '/v1/schedules/s', { body }), code, undefined);
  });

  it('goes as far as it may', async () => {
    const longest = `${'d/'.repeat(129)}${'n'.repeat(254)}`;
    expect(Buffer.byteLength(longest)).toBe(512);
    const collect = [longest, ...Array.from({ length: COLLECT_PATHS_MAX - 1 }, (_, n) => `f${n}`)];
    expect((await bench.post({ ...JOB, collect })).statusCode).toBe(202);
  });

  it.each<[string, (id: string) => string, string, ProblemCode]>([
    ['files of nobody', () => `/v1/jobs/${NOBODYS_JOB}/files`, KEYS.ada, 'not_found'],
    ['files of no job', () => '/v1/jobs/x/files', KEYS.ada, 'not_found'],
    ['files of another tenant', (id) => `/v1/jobs/${id}/files`, KEYS.bob, 'not_found'],
    ['a file of another tenant', (id) => pathOf(id, 'a'), KEYS.bob, 'not_found'],
    ['files for an operator', (id) => `/v1/jobs/${id}/files`, ROOT, 'forbidden'],
    ['a file for an operator', (id) => pathOf(id, 'a'), ROOT, 'forbidden'],
    ['a file for nobody', (id) => pathOf(id, 'a'), '', 'unauthorized'],
    ['no file', (id) => `/v1/jobs/${id}/files/`, KEYS.ada, 'not_found'],
    ['a file that is not there', (id) => pathOf(id, 'b'), KEYS.ada, 'not_found'],
    ['a file of this machine', (id) => `/v1/jobs/${id}/files//etc/passwd`, KEYS.ada, 'not_found'],
    ['one by its way up', (id) => `/v1/jobs/${id}/files/..%2f..%2fa`, KEYS.ada, 'not_found'],
    ['one with an end of a string', (id) => `/v1/jobs/${id}/files/a%00`, KEYS.ada, 'not_found'],
    ['one that cannot be read', (id) => `/v1/jobs/${id}/files/%ff`, KEYS.ada, 'not_found'],
    ['one by its case', (id) => `/v1/jobs/${id}/files/A`, KEYS.ada, 'not_found'],
  ])('%s are refused', async (_what, url, key, code) => {
    const id = await finished(inline([file('a')]));
    const before = bench.piecesRead;
    expectRefusal(await bench.call('GET', url(id), { key }), code, undefined);
    expect(bench.piecesRead).toBe(before);
  });

  it('of a key that only submits gives nothing', async () => {
    const id = await finished(inline([file('a')]));
    const made = await bench.call('POST', '/v1/keys', { body: { name: 'k', scopes: ['submit'] } });
    const { key } = made.json<NewKeyView>();
    expectRefusal(await bench.call('GET', pathOf(id, 'a'), { key }), 'forbidden', undefined);
  });
});
