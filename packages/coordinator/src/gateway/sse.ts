/**
 * Server-sent events on one reply: writes with back-pressure, keeps idle connections open, notices a reader who left.
 */
import type { FastifyReply } from 'fastify';
import { chunkEnd, type JobStreamEvent } from '@zerofleet/protocol';

/** A comment line goes out so often, in ms: proxies cut connections that say nothing. */
const HEARTBEAT_MS = 15_000;

export class SseWriter {
  private readonly reply: FastifyReply;
  private readonly gone = new AbortController();
  private readonly heartbeat: NodeJS.Timeout;
  /** Where the reader left off: attempt 0 for one who begins. */
  readonly resume: { readonly attempt: number; readonly offset: number };

  /** Sends the head of the response at once. `lastEventId` is what the reader brought along. */
  constructor(reply: FastifyReply, lastEventId: string | string[] | undefined) {
    this.reply = reply;
    const match = /^(\d{1,9}):(\d{1,15})$/.exec(typeof lastEventId === 'string' ? lastEventId : '');
    this.resume = { attempt: Number(match?.[1] ?? 0), offset: Number(match?.[2] ?? 0) };
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.on('close', () => this.gone.abort());
    raw.on('error', () => this.gone.abort());
    this.heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS);
  }

  /** Aborted when the reader left. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  /** Writes one event; resolves once the reader keeps up. */
  async write(event: JobStreamEvent): Promise<void> {
    const { type, ...data } = event;
    const id = event.type === 'output' ? `id: ${event.attempt}:${chunkEnd(event.chunk)}\n` : '';
    const fits = this.reply.raw.write(`event: ${type}\n${id}data: ${JSON.stringify(data)}\n\n`);
    if (!fits && !this.signal.aborted) await this.drained();
  }

  end(): void {
    clearInterval(this.heartbeat);
    this.reply.raw.end();
  }

  /** Cuts the connection: the reader comes back with the id of the last event it got. */
  cut(): void {
    clearInterval(this.heartbeat);
    this.reply.raw.destroy();
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.reply.raw.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.reply.raw.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }
}
