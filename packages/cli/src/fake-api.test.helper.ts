/** A tenant API of one job, on loopback, and the built command as a process of its own, or here where that shows as much. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { chunkOf, type JobStage, type JobStreamEvent, type JobView, type Problem } from '@zerofleet/protocol';
import { runCli } from './program.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export const JOB_ID = '0192f3a0-0000-7000-8000-000000000001';

export const jobView = (stage: JobStage, more: Partial<JobView> = {}): JobView =>
  ({
    id: JOB_ID,
    tool: 'echo',
    toolVersion: 1,
    stage,
    attempt: 1,
    maxAttempts: 3,
    cancelRequested: false,
    timeoutMs: 1_000,
    acceptedAt: '2026-01-01T00:00:00.000Z',
    runAt: null,
    deadlineAt: null,
    redriveOf: null,
    startedAt: null,
    finishedAt: null,
    result: null,
    exitCode: null,
    error: null,
    usage: null,
    output: null,
    ...more,
  }) as JobView;

export const output = (offset: number, stream: 'stdout' | 'stderr', text: string): JobStreamEvent => ({
  type: 'output',
  attempt: 1,
  chunk: chunkOf(offset, stream, Buffer.from(text)),
});

export const state = (stage: JobStage, more: Partial<JobView> = {}): JobStreamEvent => ({
  type: 'state',
  job: jobView(stage, more),
});

export const BEGUN: JobStreamEvent[] = [state('running'), { type: 'attempt', attempt: 1 }];

type Route = (reply: ServerResponse, body: string) => void;

export interface FakeApi {
  readonly url: string;
  /** `METHOD path` of every request, with the body where there was one. */
  readonly seen: string[];
  /** Their headers, and what stood behind the question marks of those that had one. */
  readonly headers: IncomingMessage['headers'][];
  readonly queries: string[];
  close(): Promise<void>;
}

/** Serves `routes`, by method and path without its query. */
export const fakeApi = async (routes: Readonly<Record<string, Route>>): Promise<FakeApi> => {
  const seen: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const queries: string[] = [];
  const server = createServer((request: IncomingMessage, reply) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const [path, query] = (request.url ?? '').split('?');
      const route = `${request.method} ${path}`;
      headers.push(request.headers);
      if (query !== undefined) queries.push(query);
      seen.push(body === '' ? route : `${route} ${body}`);
      (routes[route] ?? refuse(404, 'not_found', 'There is no such job of yours.'))(reply, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, headers, queries, close };
};

export const answer =
  (status: number, value: unknown): Route =>
  (reply) => {
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

export const refuse = (status: number, code: string, detail: string, more: Partial<Problem> = {}): Route =>
  answer(status, { type: `urn:zerofleet:problem:${code}`, title: code, status, detail, code, ...more });

export const events =
  (...list: JobStreamEvent[]): Route =>
  (reply) => {
    tell(reply, ...list);
    reply.end();
  };

/** Writes events and leaves the stream open. */
export const tell = (reply: ServerResponse, ...list: JobStreamEvent[]): void => {
  if (!reply.headersSent) reply.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const { type, ...data } of list) reply.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the built command. */
export const start = (
  url: string,
  words: readonly string[],
  more: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Running => {
  const env = { PATH: process.env['PATH'], ZEROFLEET_URL: url, ZEROFLEET_API_KEY: 'zf_test', ...more.env };
  const child = spawn(process.execPath, [MAIN, ...words], { env, stdio: 'pipe' });
  const ended = new Promise<Ended>((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  child.stdin.end(more.stdin ?? '');
  return { child, ended };
};

/** Runs the built command to its end. */
export const zerofleet = (url: string, ...words: string[]): Promise<Ended> => start(url, words).ended;

/** Runs the command in this process, which is much faster: for what its process has no part in. */
export const zerofleetHere = async (url: string, ...words: string[]): Promise<Ended> => {
  const [stdout, stderr] = [new Kept(), new Kept()];
  const code = await runCli(words, {
    env: { ZEROFLEET_URL: url, ZEROFLEET_API_KEY: 'zf_test' },
    stdin: Readable.from([]),
    stdout,
    stderr,
    onInterrupt: () => () => undefined,
    leave: () => undefined,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
};

/** Keeps what is written to it. */
class Kept extends Writable {
  text = '';

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += piece.toString('utf8');
    done();
  }
}
