import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@zerofleet/model';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answer,
  BEGUN,
  events,
  fakeApi,
  JOB_ID,
  jobView,
  output,
  refuse,
  start,
  state,
  tell,
  zerofleet,
  type FakeApi,
} from './fake-api.test.helper.js';

const open: FakeApi[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((api) => api.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

beforeAll(() => {
  if (!existsSync(new URL('../dist/main.js', import.meta.url)))
    throw new Error('build first: npx tsc -b packages/cli');
});

const serve = async (routes: Parameters<typeof fakeApi>[0]): Promise<FakeApi> => {
  const api = await fakeApi(routes);
  open.push(api);
  return api;
};

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'zf-cli-'));
  folders.push(path);
  return path;
};

const NOWHERE = 'http://127.0.0.1:1';
const POST = 'POST /v1/jobs';
const OTHER_ID = '0192f3a0-0000-7000-8000-000000000002';
const GET = `GET /v1/jobs/${JOB_ID}`;
const EVENTS = `${GET}/events`;
const CANCEL = `POST /v1/jobs/${JOB_ID}/cancel`;
const accepted = answer(202, jobView('queued', { attempt: 0 }));
const oneLine = /^zerofleet: [^\n]+\n$/;

describe('run', () => {
  it('shows each stream where it belongs, then the result, and exits 0', async () => {
    const done = state('succeeded', { result: { n: 1 }, usage: { wallMs: 12, cpuMs: 1, maxRssKiB: 1 } });
    const api = await serve({
      [POST]: accepted,
      [EVENTS]: events(...BEGUN, output(0, 'stdout', 'out'), output(3, 'stderr', 'err\n'), done),
    });
    const end = await zerofleet(api.url, 'run', 'echo', 'text=hi', 'n:=2');
    expect(end).toEqual({
      code: 0,
      stdout: 'out\n{"n":1}\n',
      stderr: `err\nzerofleet: job ${JOB_ID} succeeded in 12 ms\n`,
    });
    expect(api.seen[0]).toBe(`${POST} {"tool":"echo","arguments":{"text":"hi","n":2}}`);
  });

  it('prints the output alone with -q', async () => {
    const api = await serve({
      [POST]: accepted,
      [EVENTS]: events(...BEGUN, output(0, 'stdout', 'out'), state('succeeded', { result: 1 })),
    });
    expect(await zerofleet(api.url, 'run', '-q', 'echo')).toEqual({ code: 0, stdout: 'out', stderr: '' });
  });

  it.each([
    ['failed', EXIT.jobFailed],
    ['timed_out', EXIT.timedOut],
    ['cancelled', EXIT.cancelled],
    ['expired', EXIT.expired],
  ] as const)('of a job that ended %s exits %i', async (stage, code) => {
    const error = { code: 'x', message: 'why\nso' };
    const api = await serve({ [POST]: accepted, [EVENTS]: events(...BEGUN, state(stage, { error })) });
    const end = await zerofleet(api.url, 'run', 'echo');
    expect(end).toMatchObject({ code, stdout: '' });
    expect(end.stderr).toMatch(oneLine);
  });

  it('gives the whole job as JSON', async () => {
    const job = jobView('succeeded');
    const api = await serve({ [POST]: accepted, [GET]: answer(200, job) });
    const end = await zerofleet(api.url, '--json', 'run', 'echo');
    expect([end.code, JSON.parse(end.stdout), end.stderr]).toEqual([0, job, '']);
  });

  it('prints the id and leaves with --detach, as submit does', async () => {
    const api = await serve({ [POST]: accepted });
    for (const words of [
      ['run', 'echo', '--detach'],
      ['submit', 'echo'],
    ])
      expect(await zerofleet(api.url, ...words)).toEqual({ code: 0, stdout: `${JOB_ID}\n`, stderr: '' });
  });

  it('sends code from stdin, files and limits', async () => {
    const path = join(folder(), 'in.txt');
    writeFileSync(path, 'data');
    const api = await serve({ [POST]: accepted });
    const words = [
      'submit',
      'code_execution',
      '--runtime',
      'python',
      '-',
      '--file',
      `${path}=a/b.txt`,
      '--timeout',
      '5s',
      '--max-attempts',
      '1',
    ];
    await start(api.url, words, { stdin: 'print(1)' }).ended;
    expect(JSON.parse(api.seen[0]?.slice(POST.length) ?? '')).toEqual({
      tool: 'code_execution',
      arguments: { runtime: 'python', code: 'print(1)' },
      files: [{ path: 'a/b.txt', encoding: 'utf8', data: 'data' }],
      timeoutMs: 5_000,
      maxAttempts: 1,
    });
  });

  it('sends times, retries and a key, and the same from run and submit', async () => {
    const api = await serve({ [POST]: accepted });
    const later = ['--deadline', '1h', '--retry-on', 'killed', '--retry-on', 'tool_error,killed'];
    const keyed = ['--idempotency-key', 'order-17'];
    await zerofleet(api.url, 'submit', 'echo', '--delay', '5m', ...later, ...keyed);
    await zerofleet(api.url, 'run', 'echo', '--detach', '--run-at', '2030-01-31T12:00:00Z', ...keyed);
    expect(api.seen.map((line) => JSON.parse(line.slice(POST.length)) as unknown)).toEqual([
      {
        tool: 'echo',
        arguments: {},
        delayMs: 300_000,
        deadlineMs: 3_600_000,
        retry: { on: ['killed', 'tool_error'] },
      },
      { tool: 'echo', arguments: {}, runAt: '2030-01-31T12:00:00Z' },
    ]);
    expect(api.headers.map((headers) => headers['idempotency-key'])).toEqual(['order-17', 'order-17']);
  });

  it('runs the job of its key to the end', async () => {
    const api = await serve({ [POST]: accepted, [EVENTS]: events(...BEGUN, state('succeeded')) });
    const end = await zerofleet(api.url, 'run', 'echo', '--idempotency-key', 'k');
    expect(end.code).toBe(0);
    expect(api.headers[0]?.['idempotency-key']).toBe('k');
  });

  it('cancels the job at the first Ctrl-C and waits for its outcome', async () => {
    let following: { write: () => void } | undefined;
    const api = await serve({
      [POST]: accepted,
      [EVENTS]: (reply) => {
        following = { write: () => tell(reply, state('cancelled')) };
        tell(reply, ...BEGUN, output(0, 'stdout', 'tick\n'));
      },
      [CANCEL]: (reply, body) => {
        answer(202, jobView('running', { cancelRequested: true }))(reply, body);
        following?.write();
      },
    });
    const { child, ended } = start(api.url, ['run', 'echo']);
    child.stdout?.once('data', () => child.kill('SIGINT'));
    expect(await ended).toMatchObject({ code: EXIT.cancelled, stdout: 'tick\n' });
    expect(api.seen).toContain(CANCEL);
  });

  it('leaves at the second Ctrl-C', async () => {
    let second: () => void = () => undefined;
    const api = await serve({
      [POST]: accepted,
      [EVENTS]: (reply) => tell(reply, ...BEGUN, output(0, 'stdout', 'tick\n')),
      [CANCEL]: () => second(),
    });
    const { child, ended } = start(api.url, ['run', 'echo']);
    second = () => child.kill('SIGINT');
    child.stdout?.once('data', () => child.kill('SIGINT'));
    expect((await ended).code).toBe(130);
  });

  it('cancels the job when the reader of stdout leaves', async () => {
    const api = await serve({
      [POST]: accepted,
      [EVENTS]: (reply) => {
        tell(reply, ...BEGUN);
        const timer = setInterval(
          () => tell(reply, state('running', { timeoutMs: Math.ceil(Math.random() * 1e6) })),
          20,
        );
        let offset = 0;
        const flood = setInterval(() => {
          tell(reply, output(offset, 'stdout', 'line\n'));
          offset += 5;
        }, 5);
        reply.on('close', () => [timer, flood].forEach((one) => clearInterval(one)));
        finish = () => tell(reply, state('cancelled'));
      },
      [CANCEL]: (reply, body) => {
        answer(202, jobView('running'))(reply, body);
        finish();
      },
    });
    let finish: () => void = () => undefined;
    const { child, ended } = start(api.url, ['run', 'echo']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect((await ended).code).toBe(EXIT.cancelled);
  });
});

describe('get, logs, cancel, tools, status', () => {
  it('get shows a job, and as JSON', async () => {
    const job = jobView('succeeded', { result: 'x' });
    const api = await serve({ [GET]: answer(200, job) });
    const text = await zerofleet(api.url, 'get', JOB_ID, '--wait', '1s');
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toContain(JOB_ID);
    expect(JSON.parse((await zerofleet(api.url, 'get', JOB_ID, '--json')).stdout)).toEqual(job);
  });

  it('logs -f follows to the end, as text and as JSON lines', async () => {
    const script = [...BEGUN, output(0, 'stdout', 'a'), output(1, 'stderr', 'b'), state('failed')];
    const api = await serve({ [EVENTS]: events(...script) });
    expect(await zerofleet(api.url, 'logs', '-f', JOB_ID)).toEqual({ code: 0, stdout: 'a', stderr: 'b' });
    const lines = (await zerofleet(api.url, 'logs', '-f', JOB_ID, '--json')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(script);
  });

  it('logs leaves a job that goes on: without -f by itself, with it at Ctrl-C, never cancelling', async () => {
    const api = await serve({ [EVENTS]: (reply) => tell(reply, ...BEGUN, output(0, 'stdout', 'so far\n')) });
    expect(await zerofleet(api.url, 'logs', JOB_ID)).toEqual({ code: 0, stdout: 'so far\n', stderr: '' });
    const { child, ended } = start(api.url, ['logs', '-f', JOB_ID]);
    child.stdout?.once('data', () => child.kill('SIGINT'));
    expect((await ended).code).toBe(0);
    expect(api.seen).not.toContain(CANCEL);
  });

  it('cancel says what became of the job', async () => {
    const api = await serve({ [CANCEL]: answer(202, jobView('cancelled')) });
    expect(await zerofleet(api.url, 'cancel', JOB_ID)).toEqual({
      code: 0,
      stdout: `job ${JOB_ID} cancelled\n`,
      stderr: '',
    });
  });

  it('tools and status show what there is', async () => {
    const tool = {
      name: 'echo',
      version: 1,
      description: 'gives back',
      timeoutMsDefault: 1_000,
      timeoutMsMax: 2_000,
      outputBytes: 1,
      arguments: { type: 'object' },
    };
    const status = {
      version: '0.1.0',
      shard: 'a',
      epoch: 3,
      ledger: { connected: true, syncedAcceptance: true, server: 'nats 2.15', detail: '' },
      executionMode: 'warm',
      workers: { ready: 1, draining: 0, freeCpuMilli: 1_500, freeMemoryMiB: 64 },
      jobs: { queued: 1, running: 2 },
    };
    const api = await serve({
      'GET /v1/tools': answer(200, { tools: [tool] }),
      'GET /v1/status': answer(200, status),
    });
    expect((await zerofleet(api.url, 'tools')).stdout).toContain('gives back');
    expect((await zerofleet(api.url, 'tools', 'echo')).stdout).toContain('"type": "object"');
    expect((await zerofleet(api.url, 'tools', 'none')).code).toBe(EXIT.notFound);
    expect((await zerofleet(api.url, 'status')).stdout).toContain('1 queued, 2 running');
    expect(JSON.parse((await zerofleet(api.url, 'status', '--json')).stdout)).toEqual(status);
  });
});

describe('dead-letters', () => {
  const LETTERS = 'GET /v1/dead-letters';

  it('list shows a page, and where the next one is', async () => {
    const letter = jobView('failed', { error: { code: 'tool_error', message: 'said\nno' } });
    const page = { letters: [letter], next: 7 };
    const api = await serve({ [LETTERS]: answer(200, page) });
    const text = await zerofleet(api.url, 'dead-letters', 'list', '--limit', '1', '--after', '3');
    expect(text).toMatchObject({ code: 0, stderr: 'zerofleet: there are more; go on with --after 7\n' });
    expect(text.stdout).toContain(JOB_ID);
    expect(text.stdout).toContain('tool_error: said no');
    expect(api.queries).toEqual(['limit=1&after=3']);
    const json = await zerofleet(api.url, 'dead-letters', 'list', '--json');
    expect([JSON.parse(json.stdout), json.stderr]).toEqual([page, '']);
  });

  it('redrive prints the id of the new job', async () => {
    const again = { ...jobView('queued'), id: OTHER_ID, redriveOf: JOB_ID };
    const api = await serve({ [`POST /v1/dead-letters/${JOB_ID}/redrive`]: answer(202, again) });
    const end = await zerofleet(api.url, 'dead-letters', 'redrive', JOB_ID);
    expect(end).toEqual({ code: 0, stdout: `${OTHER_ID}\n`, stderr: '' });
    expect((await zerofleet(api.url, 'dead-letters', 'redrive', OTHER_ID)).code).toBe(EXIT.notFound);
  });
});

describe('errors', () => {
  it.each([
    [[], EXIT.usage, 'no command'],
    [['nonsense'], EXIT.usage, "unknown command 'nonsense'"],
    [['run'], EXIT.usage, "missing required argument 'tool'"],
    [['get', 'x', '--nope'], EXIT.usage, "unknown option '--nope'"],
    [['run', 'echo', 'what'], EXIT.usage, 'write key=value'],
    [['run', 'echo', '{broken'], EXIT.usage, 'not valid JSON'],
    [['run', 'echo', '--timeout', 'soon'], EXIT.usage, '--timeout'],
    [['run', 'echo', '--file', '/none/there'], EXIT.usage, 'ENOENT'],
    [['run', 'echo', '--delay', 'soon'], EXIT.usage, '--delay'],
    [['run', 'echo', '--deadline', '-1s'], EXIT.usage, '--deadline'],
    [['run', 'echo', '--delay', '1s', '--run-at', '2030-01-01T00:00:00Z'], EXIT.usage, 'give one of them'],
    [['run', 'echo', '--retry-on', 'rain'], EXIT.usage, 'tool_error'],
    [['run', 'echo', '--idempotency-key', 'a b'], EXIT.usage, 'idempotency key'],
    [['dead-letters'], EXIT.usage, 'no command'],
    [['dead-letters', 'list', '--limit', 'many'], EXIT.usage, '--limit'],
    [['status', '--url', 'ftp://x'], EXIT.usage, 'not an http'],
    [['status', '--key-file', '/none/there'], EXIT.usage, 'ENOENT'],
  ])('zerofleet %j is one line and exit %i', async (words, code, text) => {
    const end = await zerofleet(NOWHERE, ...words);
    expect(end).toMatchObject({ code, stdout: '' });
    expect(end.stderr).toMatch(oneLine);
    expect(end.stderr).toContain(text);
  });

  it('name the fleet that cannot be reached', async () => {
    const gone = await fakeApi({});
    await gone.close();
    const end = await zerofleet(gone.url, 'status', '--retry', '0s');
    expect(end.code).toBe(EXIT.unavailable);
    expect(end.stderr).toMatch(oneLine);
    expect(end.stderr).toContain('ECONNREFUSED');
  });

  it.each([
    [401, 'unauthorized', EXIT.unauthorized],
    [404, 'not_found', EXIT.notFound],
    [409, 'idempotency_conflict', EXIT.usage],
    [422, 'unknown_tool', EXIT.usage],
    [500, 'internal', EXIT.internal],
    [418, 'of_a_newer_server', EXIT.usage],
  ])('answer %i %s with exit %i', async (status, code, exit) => {
    const api = await serve({
      [POST]: refuse(status, code, 'It\nis so.', { errors: [{ path: '/a', message: 'bad' }] }),
    });
    const end = await zerofleet(api.url, 'run', 'echo');
    expect(end.code).toBe(exit);
    expect(end.stderr).toMatch(oneLine);
    expect(end.stderr).toContain('It is so (/a bad)');
  });

  it('send a submission that broke off again with its key, and say what is not known in the end', async () => {
    const api = await serve({ [POST]: (reply) => reply.socket?.destroy() });
    const end = await zerofleet(api.url, 'run', 'echo', '--retry', '1s');
    expect(end).toMatchObject({ code: EXIT.unavailable, stdout: '' });
    expect(end.stderr).toContain('may or may not');
    expect(end.stderr).toContain('--idempotency-key');
    expect(api.seen.length).toBeGreaterThan(1);
    expect(new Set(api.headers.map((headers) => headers['idempotency-key'])).size).toBe(1);
  });
});

describe('settings', () => {
  it('take the key from a file, warn when others may read it, and want one', async () => {
    const path = join(folder(), 'key');
    writeFileSync(path, 'zf_file\n', { mode: 0o644 });
    const api = await serve({ 'GET /v1/tools': answer(200, { tools: [] }) });
    const env = { ZEROFLEET_API_KEY: '' };
    const open = await start(api.url, ['tools', '--json', '--key-file', path], { env }).ended;
    expect(open).toEqual({
      code: 0,
      stdout: '[]\n',
      stderr: `zerofleet: warning: others may read the key file ${path}; chmod 600 it\n`,
    });
    const none = await start(api.url, ['tools'], { env }).ended;
    expect(none.code).toBe(EXIT.usage);
    expect(none.stderr).toContain('--key-file');
  });

  it('print the version and the help', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await zerofleet(NOWHERE, '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await zerofleet(NOWHERE, 'run', '--help')).stdout).toContain('--detach');
  });
});
