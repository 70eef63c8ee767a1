import { chunkOf, chunksFrom, type JobStreamEvent } from '@zerofleet/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { ZerofleetClient } from './client.js';
import { ProblemError, StreamBrokenError, UnexpectedAnswerError } from './errors.js';
import { collectOutput } from './output.js';
import {
  JOB_ID,
  jobView,
  problem,
  QuickClock,
  scriptedServer,
  sse,
  SSE_HEAD,
  type Handler,
  type ScriptedServer,
} from './scripted-server.test.helper.js';

const open: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const stream = async (handlers: Handler[], options: { lastEventId?: string; signal?: AbortSignal } = {}) => {
  const server = await scriptedServer(...handlers);
  open.push(server);
  const client = new ZerofleetClient({
    urls: [server.url],
    apiKey: 'k',
    clock: new QuickClock(),
    random: () => 0,
  });
  return { server, events: client.events(JOB_ID, options) };
};

const all = async (events: AsyncIterable<JobStreamEvent>): Promise<JobStreamEvent[]> => {
  const list: JobStreamEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
};

const running: JobStreamEvent = { type: 'state', job: jobView('running') };
const done: JobStreamEvent = { type: 'state', job: jobView('succeeded') };
const first: JobStreamEvent = { type: 'attempt', attempt: 1 };
const out = (
  offset: number,
  text: string,
  attempt = 1,
  name: 'stdout' | 'stderr' = 'stdout',
): JobStreamEvent => ({
  type: 'output',
  attempt,
  chunk: chunkOf(offset, name, Buffer.from(text)),
});

const say =
  (...events: JobStreamEvent[]): Handler =>
  (_, reply) => {
    reply.writeHead(200, SSE_HEAD).end(events.map(sse).join(''));
  };

/** Writes the bytes, makes sure that they left, and cuts the connection. */
const sayAndCut =
  (bytes: string | Buffer): Handler =>
  (_, reply) => {
    reply.writeHead(200, SSE_HEAD);
    reply.write(bytes, () => reply.socket?.destroy());
  };

describe('events', () => {
  it('come in order until the final state', async () => {
    const script = [running, first, out(0, 'a'), out(1, 'b', 1, 'stderr'), done];
    const { events, server } = await stream([say(...script)]);
    expect(await all(events)).toEqual(script);
    expect(server.seen[0]?.headers['last-event-id']).toBeUndefined();
  });

  it('are whole and single wherever the connection is cut', async () => {
    const output = [out(0, 'plain '), out(6, 'wörld 🚀', 1, 'stderr'), out(17, ' end')];
    const whole = Buffer.from([running, first, ...output, done].map(sse).join(''));
    const resume: Handler = (seen, reply) => {
      const offset = Number(/^1:(\d+)$/.exec(String(seen.headers['last-event-id'] ?? '1:0'))?.[1]);
      const chunks = output.flatMap((event) =>
        event.type === 'output' ? chunksFrom([event.chunk], offset) : [],
      );
      const rest = chunks.map((chunk): JobStreamEvent => ({ type: 'output', attempt: 1, chunk }));
      const again = seen.headers['last-event-id'] === undefined ? [first] : [];
      reply.writeHead(200, SSE_HEAD).end([running, ...again, ...rest, done].map(sse).join(''));
    };
    for (let at = 0; at < whole.length; at += 7) {
      const { events } = await stream([sayAndCut(whole.subarray(0, at)), resume]);
      const told = await collectOutput(events);
      expect([told.stdout.toString(), told.stderr.toString(), told.job?.stage]).toEqual([
        'plain  end',
        'wörld 🚀',
        'succeeded',
      ]);
      await open.pop()?.close();
    }
  });

  it('drop what a server repeats', async () => {
    const { events, server } = await stream([
      sayAndCut([running, first, out(0, 'abc')].map(sse).join('')),
      say(running, first, out(0, 'abcdef'), done),
    ]);
    expect(await all(events)).toEqual([running, first, out(0, 'abc'), out(3, 'def'), done]);
    expect(server.seen[1]?.headers['last-event-id']).toBe('1:3');
  });

  it('take up a connection again that ended before the job, was malformed or had a hole', async () => {
    const { events, server } = await stream([
      say(running, first),
      sayAndCut('event: output\ndata: {broken\n\n'),
      sayAndCut('event: output\ndata: {"attempt":1,"chunk":{"offset":-1}}\n\n'),
      say(running, out(4, 'gap'), done),
      say(running, out(0, 'data'), done),
    ]);
    expect(await all(events)).toEqual([running, first, out(0, 'data'), done]);
    expect(server.seen.slice(1).map(({ headers }) => headers['last-event-id'])).toEqual([
      '1:0',
      '1:0',
      '1:0',
      '1:0',
    ]);
  });

  it('pass over events of a newer server', async () => {
    const { events } = await stream([sayAndCut(`event: weather\ndata: ?\n\n${sse(done)}`)]);
    expect(await all(events)).toEqual([done]);
  });

  it('go on behind the id that the caller gives', async () => {
    const { events, server } = await stream([say(running, out(7, 'x'), done)], { lastEventId: '1:7' });
    expect(await all(events)).toEqual([running, out(7, 'x'), done]);
    expect(server.seen[0]?.headers['last-event-id']).toBe('1:7');
  });

  it('keep the output of the last attempt', async () => {
    const second: JobStreamEvent = { type: 'attempt', attempt: 2 };
    const cutOff: JobStreamEvent = { type: 'truncated', attempt: 2, bytes: 3 };
    const { events } = await stream([
      say(running, first, out(0, 'lost'), second, out(0, 'new', 2), cutOff, done),
    ]);
    expect(await collectOutput(events)).toMatchObject({
      stdout: Buffer.from('new'),
      attempt: 2,
      truncated: true,
    });
  });

  it('are given up with the place where they broke', async () => {
    const { events, server } = await stream([
      sayAndCut([running, first, out(0, 'abc')].map(sse).join('')),
      say(running),
    ]);
    const error = await all(events).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StreamBrokenError);
    expect(error).toMatchObject({ code: 'stream_broken', lastEventId: '1:3' });
    expect(server.seen.length).toBeLessThan(40);
  });

  it('end with what the server says of the job', async () => {
    const { events } = await stream([problem(404, 'not_found')]);
    await expect(all(events)).rejects.toBeInstanceOf(ProblemError);
    const other = await stream([
      (_, reply) => reply.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ]);
    await expect(all(other.events)).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it('end when the caller aborts, and when the caller leaves', async () => {
    const controller = new AbortController();
    const endless: Handler = (_, reply) => reply.writeHead(200, SSE_HEAD).write(sse(running));
    const { events } = await stream([endless], { signal: controller.signal });
    const reading = (async () => {
      for await (const event of events) if (event.type === 'state') controller.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
    let closed: Promise<void> = Promise.resolve();
    const left = await stream([
      (_, reply) => {
        closed = new Promise((resolve) => reply.on('close', resolve));
        reply.writeHead(200, SSE_HEAD).write(sse(running));
      },
    ]);
    const iterator = left.events[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    await closed;
  });
});
