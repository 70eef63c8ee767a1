import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { ZerofleetClient } from './client.js';
import {
  BadOptionError,
  DownloadBrokenError,
  ProblemError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.js';
import type { Download } from './jobs.js';
import {
  cut,
  JOB_ID,
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
const clientOf = (...urls: string[]): ZerofleetClient =>
  new ZerofleetClient({ urls, apiKey: 'zf_key', clock: new QuickClock(), random: () => 0.5 });

const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251));
const digest = (bytes: Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
const headersOf = (bytes: Uint8Array): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  'content-length': String(bytes.byteLength),
  'repr-digest': digest(bytes),
});
const file =
  (bytes: Uint8Array): Handler =>
  (_, reply) =>
    void reply.writeHead(200, headersOf(bytes)).end(bytes);
const read = async ({ content }: Download): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
};
const LIST = {
  ...{ id: JOB_ID, count: 1, bytes: 2, truncated: false, skippedMore: 0 },
  files: [{ path: 'out/a', bytes: 2, sha256: 'a'.repeat(64) }],
  skipped: [{ path: 'b', why: 'symlink' }],
};

describe('files', () => {
  it('are listed', async () => {
    const server = await serve(cut, json(200, LIST));
    expect(await clientOf(server.url).jobs.files(JOB_ID)).toEqual(LIST);
    expect(server.seen.map(({ url }) => url)).toEqual(Array(2).fill(`/v1/jobs/${JOB_ID}/files`));
  });

  it.each([
    ['a page', { hello: 'world' }],
    ['a list of other things', { ...LIST, files: [{ name: 'a' }] }],
    ['half a list', { ...LIST, skipped: undefined }],
  ])('are not %s', async (_what, answer) => {
    const server = await serve(json(200, answer));
    await expect(clientOf(server.url).jobs.files(JOB_ID)).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it('of a job that is not final are refused at once', async () => {
    const server = await serve(problem(409, 'not_final'));
    await expect(clientOf(server.url).jobs.files(JOB_ID)).rejects.toMatchObject({ code: 'not_final' });
    expect(server.seen).toHaveLength(1);
  });
});

describe('a download', () => {
  it('gives the file as it is, and says beforehand what it will be', async () => {
    const server = await serve(file(BYTES));
    const download = await clientOf(server.url).jobs.download(JOB_ID, 'out/a b%.bin');
    const sha256 = createHash('sha256').update(BYTES).digest('hex');
    expect(download).toMatchObject({ path: 'out/a b%.bin', bytes: BYTES.byteLength, sha256 });
    expect((await read(download)).equals(BYTES)).toBe(true);
    expect(server.seen).toMatchObject([
      { method: 'GET', url: `/v1/jobs/${JOB_ID}/files/out/a%20b%25.bin`, body: '' },
    ]);
    expect(server.seen[0]?.headers).toMatchObject({ authorization: 'Bearer zf_key' });
  });

  it('of nothing is nothing', async () => {
    const server = await serve(file(Buffer.alloc(0)));
    expect((await read(await clientOf(server.url).jobs.download(JOB_ID, 'empty'))).byteLength).toBe(0);
  });

  it.each<[string, Handler]>([
    ['an answer that was lost', cut],
    ['a coordinator that cannot read it', problem(503, 'outcome_unavailable', { 'retry-after': '1' })],
    ['a gateway that is not ours', json(502, 'bad gateway')],
  ])('is asked for again after %s, also elsewhere', async (_what, first) => {
    const server = await serve(first, file(BYTES));
    const download = await clientOf(await refusedUrl(), server.url).jobs.download(JOB_ID, 'a');
    expect((await read(download)).equals(BYTES)).toBe(true);
    expect(server.seen).toHaveLength(2);
  });

  it.each<[string, Handler]>([
    [
      'ends early',
      (_, reply) =>
        void reply.writeHead(200, headersOf(BYTES)).write(BYTES.subarray(1), () => reply.destroy()),
    ],
    [
      'is another file',
      (_, reply) =>
        void reply
          .writeHead(200, { ...headersOf(BYTES), 'repr-digest': digest(Buffer.from('x')) })
          .end(BYTES),
    ],
  ])('that %s is said to be broken, after its bytes', async (_what, handler) => {
    const server = await serve(handler);
    const download = await clientOf(server.url).jobs.download(JOB_ID, 'a');
    await expect(read(download)).rejects.toBeInstanceOf(DownloadBrokenError);
    expect(server.seen).toHaveLength(1);
  });

  it.each<[string, Handler]>([
    ['a page', (_, reply) => void reply.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello')],
    [
      'a file without a digest',
      (_, reply) => void reply.writeHead(200, { ...headersOf(BYTES), 'repr-digest': '' }).end(BYTES),
    ],
    [
      'a file of no length',
      (_, reply) => void reply.writeHead(200, { 'repr-digest': digest(BYTES) }).end(BYTES),
    ],
    ['an answer without a body', (_, reply) => void reply.writeHead(204).end()],
  ])('is not %s', async (_what, handler) => {
    const server = await serve(handler);
    const asked = clientOf(server.url).jobs.download(JOB_ID, 'a');
    await expect(asked).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it('of a file that is not there is refused', async () => {
    const server = await serve(problem(404, 'not_found'));
    const asked = clientOf(server.url).jobs.download(JOB_ID, 'a');
    await expect(asked).rejects.toBeInstanceOf(ProblemError);
    await expect(asked).rejects.toMatchObject({ code: 'not_found' });
  });

  it('where nobody is says so', async () => {
    const asked = clientOf(await refusedUrl()).jobs.download(JOB_ID, 'a', { retryBudgetMs: 0 });
    await expect(asked).rejects.toBeInstanceOf(UnreachableError);
  });

  it('ends when its caller has enough, or gives up', async () => {
    const slow: Handler = (_, reply) =>
      void reply.writeHead(200, headersOf(BYTES)).write(BYTES.subarray(0, 10));
    const server = await serve(slow);
    const client = clientOf(server.url);
    for await (const piece of (await client.jobs.download(JOB_ID, 'a')).content) {
      expect(piece.byteLength).toBe(10);
      break;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const download = await client.jobs.download(JOB_ID, 'a', { signal });
    const reading = (async () => {
      for await (const piece of download.content)
        if (piece.byteLength > 0) controller.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });

  it.each(['', '/etc/passwd', '../a', 'a/../b', 'a//b', './a', 'a/.'])('never asks for %j', async (path) => {
    const server = await serve(file(BYTES));
    const asked = clientOf(server.url).jobs.download(JOB_ID, path);
    await expect(asked).rejects.toBeInstanceOf(BadOptionError);
    expect(server.seen).toEqual([]);
  });

  it('that stands still is given up', async () => {
    let fire: (() => void) | undefined;
    const clock = {
      nowMs: () => 0,
      after: (delayMs: number, run: () => void) => {
        if (delayMs === 77) fire = run;
        return () => undefined;
      },
    };
    const slow: Handler = (_, reply) =>
      void reply.writeHead(200, headersOf(BYTES)).write(BYTES.subarray(0, 10));
    const server = await serve(slow);
    const client = new ZerofleetClient({ urls: [server.url], apiKey: 'zf_key', clock, requestTimeoutMs: 77 });
    const download = await client.jobs.download(JOB_ID, 'a');
    const reading = (async () => {
      for await (const piece of download.content) setImmediate(() => piece.byteLength > 0 && fire?.());
    })();
    await expect(reading).rejects.toBeInstanceOf(DownloadBrokenError);
  });
});
