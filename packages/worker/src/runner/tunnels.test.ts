/** Tunnels between a link and a runner that a test plays. */
import { describe, expect, it } from 'vitest';
import {
  encodeJsonFrame,
  FRAME,
  TUNNEL_CREDIT_BYTES,
  TUNNEL_PIECE_BYTES_MAX,
  TUNNELS_MAX,
} from '@zerofleet/protocol';
import { RunnerLink, type RunEnd } from './runner-link.js';
import {
  ACK,
  HELLO_ALL,
  resultWith,
  ScriptedRunner,
  STARTED,
  tunnelOut,
} from './scripted-runner.test.helper.js';

const spec = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: {},
  files: [],
  limits: { timeoutMs: 1_000, outputBytes: 100, resultBytes: 1_000 },
};
const open = (id: number, change: object = {}): Buffer =>
  encodeJsonFrame(FRAME.TUNNEL_OPEN, { id, host: 'example.org', port: 443, kind: 'connect', ...change });
const closed = (id: number): Buffer => encodeJsonFrame(FRAME.TUNNEL_CLOSED, { id, reason: 'bye' });
const credit = (id: number, bytes: number): Buffer => encodeJsonFrame(FRAME.TUNNEL_CREDIT, { id, bytes });

interface Ends {
  readonly runner: ScriptedRunner;
  readonly link: RunnerLink;
  readonly end: Promise<RunEnd>;
  /** What the handler heard. */
  readonly heard: string[];
}

const running = async (egress = true, says: readonly Buffer[] = [STARTED]): Promise<Ends> => {
  const runner = new ScriptedRunner();
  const link = new RunnerLink(runner);
  runner.say(HELLO_ALL);
  await link.greeted;
  const offer = link.offer({ ...spec, egress });
  runner.say(ACK);
  await offer;
  const heard: string[] = [];
  link.onTunnel({
    open: ({ id, host, port, kind }) => heard.push(`open ${id} ${host} ${port} ${kind}`),
    data: (id, bytes) => heard.push(`data ${id} ${bytes.byteLength}`),
    finished: (id) => heard.push(`finished ${id}`),
    room: (id) => heard.push(`room ${id}`),
    closed: (id, reason) => heard.push(`closed ${id} ${reason}`),
  });
  const end = link.go({ started: () => undefined, output: () => undefined });
  runner.say(...says);
  return { runner, link, end, heard };
};

const breach = { kind: 'ended', why: 'breach' };
const said = (runner: ScriptedRunner): unknown[] =>
  runner.written.slice(2).map(({ type, payload }) => [type, JSON.parse(payload.toString()) as unknown]);

describe('tunnels', () => {
  it('open, carry bytes both ways within credit, and close', async () => {
    const { runner, link, heard } = await running();
    runner.say(open(1));
    link.tunnel.opened(1);
    runner.say(tunnelOut(1, Buffer.alloc(TUNNEL_PIECE_BYTES_MAX)));
    link.tunnel.grant(1, TUNNEL_PIECE_BYTES_MAX);
    expect(link.tunnel.room(1)).toBe(TUNNEL_CREDIT_BYTES);
    expect(said(runner)).toEqual([
      [FRAME.TUNNEL_OPENED, { id: 1, ok: true }],
      [FRAME.CREDIT, { tunnel: 1, bytes: TUNNEL_PIECE_BYTES_MAX }],
    ]);
    link.tunnel.send(1, Buffer.alloc(TUNNEL_CREDIT_BYTES));
    const pieces = runner.written.filter(({ type }) => type === FRAME.TUNNEL_IN);
    expect(pieces.map(({ payload }) => payload.byteLength)).toEqual(
      Array<number>(4).fill(TUNNEL_PIECE_BYTES_MAX + 4),
    );
    expect(link.tunnel.room(1)).toBe(0);
    expect(() => link.tunnel.send(1, Buffer.alloc(1))).toThrow(RangeError);
    runner.say(credit(1, 10), closed(1));
    expect(link.tunnel.room(1)).toBe(0);
    link.tunnel.send(1, Buffer.alloc(5));
    link.tunnel.shut(1, 'late');
    expect(heard).toEqual([
      'open 1 example.org 443 connect',
      `data 1 ${TUNNEL_PIECE_BYTES_MAX}`,
      'room 1',
      'closed 1 bye',
    ]);
    expect(runner.destroyed).toBe(false);
  });

  it('are refused with a reason, and gone when the runner says so', async () => {
    const { runner, link, heard } = await running();
    runner.say(open(1), open(2));
    link.tunnel.refuse(1, 'not_allowed', 'not on the list');
    link.tunnel.opened(1);
    expect(said(runner)).toEqual([
      [FRAME.TUNNEL_OPENED, { id: 1, ok: false, code: 'not_allowed', message: 'not on the list' }],
    ]);
    runner.say(closed(1));
    expect(heard.slice(2)).toEqual(['closed 1 not on the list']);
    // What was said once stands.
    link.tunnel.opened(2);
    link.tunnel.refuse(2, 'not_allowed', 'too late');
    expect(said(runner).slice(1)).toEqual([[FRAME.TUNNEL_OPENED, { id: 2, ok: true }]]);
    expect(runner.destroyed).toBe(false);
  });

  it('that this side shut swallow what was on its way', async () => {
    const { runner, link, heard } = await running();
    runner.say(open(1));
    link.tunnel.opened(1);
    link.tunnel.shut(1, 'enough');
    runner.say(tunnelOut(1, Buffer.alloc(9)), closed(1));
    expect(heard.slice(1)).toEqual(['closed 1 enough']);
    expect(runner.destroyed).toBe(false);
    runner.say(tunnelOut(1, Buffer.alloc(9)));
    expect(runner.destroyed).toBe(true);
  });

  it('end one direction after the other, each once', async () => {
    const { runner, link, heard } = await running();
    runner.say(open(1));
    link.tunnel.finish(1);
    link.tunnel.opened(1);
    runner.say(tunnelOut(1, Buffer.alloc(9)), tunnelOut(1, Buffer.alloc(0)));
    link.tunnel.send(1, Buffer.alloc(5));
    link.tunnel.finish(1);
    link.tunnel.finish(1);
    runner.say(credit(1, 5));
    expect(heard.slice(1)).toEqual(['data 1 9', 'finished 1']);
    expect(link.tunnel.room(1)).toBe(0);
    expect(() => link.tunnel.send(1, Buffer.alloc(1))).toThrow(RangeError);
    const pieces = runner.written.filter(({ type }) => type === FRAME.TUNNEL_IN);
    expect(pieces.map(({ payload }) => payload.byteLength)).toEqual([9, 4]);
    runner.say(tunnelOut(1, Buffer.alloc(1)));
    expect(runner.destroyed).toBe(true);
  });

  it('end with their run, and the next run has its own', async () => {
    const { runner, link, end, heard } = await running();
    runner.say(open(1), open(2), closed(2), resultWith({}));
    await end;
    expect(heard.slice(2)).toEqual(['closed 2 bye', 'closed 1 the run is over']);
    link.tunnel.opened(1);
    expect(runner.types.at(-1)).toBe(FRAME.GO);
    runner.say(open(3));
    expect(runner.destroyed).toBe(true);
  });

  it('end with their runner', async () => {
    const { runner, heard } = await running();
    runner.say(open(1));
    runner.die('oops');
    expect(heard.slice(1)).toEqual(['closed 1 oops']);
  });

  const many = Array.from({ length: TUNNELS_MAX + 1 }, (_, at) => open(at + 1));
  it.each([
    ['an old id', [open(2), closed(2), open(2)]],
    ['a lower id', [open(2), open(1)]],
    ['no id', [open(0)]],
    ['no port', [open(1, { port: 0 })]],
    ['a port beyond', [open(1, { port: 65_536 })]],
    ['an endless host', [open(1, { host: 'x'.repeat(256) })]],
    ['another kind', [open(1, { kind: 'udp' })]],
    ['too many', many],
    ['data of none', [tunnelOut(1, Buffer.alloc(1))]],
    ['data before it is open', [open(1), tunnelOut(1, Buffer.alloc(1))]],
    ['an end before it is open', [open(1), tunnelOut(1, Buffer.alloc(0))]],
    ['credit of none', [credit(1, 1)]],
    ['credit for nothing', [open(1), credit(1, 1)]],
    ['closing none', [closed(1)]],
    ['closing twice', [open(1), closed(1), closed(1)]],
  ])('end the runner at %s', async (_what, frames) => {
    const { runner, end } = await running();
    runner.say(...frames);
    expect(await end).toMatchObject(breach);
  });

  it.each([
    ['a piece over the limit', [tunnelOut(1, Buffer.alloc(TUNNEL_PIECE_BYTES_MAX + 1))]],
    ['data beyond its credit', Array<Buffer>(5).fill(tunnelOut(1, Buffer.alloc(TUNNEL_PIECE_BYTES_MAX)))],
  ])('that are open end the runner at %s', async (_what, frames) => {
    const { runner, link, end } = await running();
    runner.say(open(1));
    link.tunnel.opened(1);
    runner.say(...frames);
    expect(await end).toMatchObject(breach);
  });

  it('end a runner whose RUN may have none, and one that asks before its tool was called', async () => {
    for (const { runner, end } of [
      await running(false, [STARTED, open(1)]),
      await running(true, [open(1)]),
    ]) {
      expect(await end).toMatchObject(breach);
      expect(runner.destroyed).toBe(true);
    }
  });
});
