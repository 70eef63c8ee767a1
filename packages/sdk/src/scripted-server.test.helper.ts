/** A real HTTP server on loopback that answers by script, and a clock whose pauses cost nothing. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { JobStage, JobStreamEvent, JobView } from '@zerofleet/protocol';
import { chunkEnd } from '@zerofleet/protocol';
import type { SdkClock } from './clock.js';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Handler = (seen: Seen, reply: ServerResponse) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly seen: Seen[];
  /** Ends the server and cuts every connection. */
  close(): Promise<void>;
}

/** Starts a server that answers the n-th request with the n-th handler, and all later ones with the last. */
export const scriptedServer = async (...handlers: Handler[]): Promise<ScriptedServer> => {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, reply) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const one: Seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(pieces).toString('utf8'),
      };
      seen.push(one);
      handlers[Math.min(seen.length, handlers.length) - 1]?.(one, reply);
    });
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${port}`, seen, close };
};

/** A URL on which nothing listens. */
export const refusedUrl = async (): Promise<string> => {
  const server = await scriptedServer();
  await server.close();
  return server.url;
};

export const json =
  (status: number, value: unknown, headers: Record<string, string> = {}): Handler =>
  (_, reply) => {
    reply.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Handler =>
  json(
    status,
    { type: `urn:zerofleet:problem:${code}`, title: code, status, detail: `it is ${code}`, code },
    headers,
  );

/** Cuts the connection with nothing answered. */
export const cut: Handler = (_, reply) => {
  reply.socket?.destroy();
};

export const JOB_ID = '0192f3a0-0000-7000-8000-000000000001';

export const jobView = (stage: JobStage, more: Partial<JobView> = {}): JobView =>
  ({
    id: JOB_ID,
    tool: 'echo',
    toolVersion: 1,
    stage,
    attempt: stage === 'queued' ? 0 : 1,
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

/** `event` as the coordinator writes it. */
export const sse = (event: JobStreamEvent): string => {
  const { type, ...data } = event;
  const id = event.type === 'output' ? `id: ${event.attempt}:${chunkEnd(event.chunk)}\n` : '';
  return `event: ${type}\n${id}data: ${JSON.stringify(data)}\n\n`;
};

export const SSE_HEAD = { 'content-type': 'text/event-stream; charset=utf-8' };

/** Time that passes only when somebody pauses; a request's time limit never comes. */
export class QuickClock implements SdkClock {
  readonly pauses: number[] = [];
  private now = 0;

  nowMs(): number {
    return this.now;
  }

  /** Time passes without anybody pausing. */
  pass(ms: number): void {
    this.now += ms;
  }

  after(delayMs: number, fire: () => void): () => void {
    if (delayMs >= LIMIT_MS) return () => undefined;
    this.pauses.push(delayMs);
    const immediate = setImmediate(() => {
      this.now += delayMs;
      fire();
    });
    return () => clearImmediate(immediate);
  }
}

const LIMIT_MS = 30_000;
