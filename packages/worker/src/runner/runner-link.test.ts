/** The worker's end against a runner that a test plays: the order of frames, and every way to break it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESULT_BYTES_MAX } from '@zerofleet/model';
import { encodeFrame, encodeJsonFrame, FRAME } from '@zerofleet/protocol';
import { RunnerLink, type RunEnd, type RunSpec } from './runner-link.js';
import { ACK, HELLO, READY, resultWith, ScriptedRunner, STARTED } from './scripted-runner.test.helper.js';

const spec: RunSpec = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: {},
  files: [],
  limits: { timeoutMs: 1_000, outputBytes: 100, resultBytes: RESULT_BYTES_MAX },
};
const quiet = { started: () => undefined, output: () => undefined };

const greeted = async (): Promise<{ runner: ScriptedRunner; link: RunnerLink }> => {
  const runner = new ScriptedRunner();
  const link = new RunnerLink(runner);
  runner.say(HELLO);
  expect(await link.greeted).toBeUndefined();
  return { runner, link };
};

const running = async (): Promise<{ runner: ScriptedRunner; link: RunnerLink; end: Promise<RunEnd> }> => {
  const { runner, link } = await greeted();
  const offer = link.offer(spec);
  runner.say(ACK);
  expect(await offer).toEqual({ kind: 'acked' });
  return { runner, link, end: link.go(quiet) };
};

const breach = { kind: 'ended', why: 'breach' };
const nested = `{"ok":true,"value":${'['.repeat(50_000)}${']'.repeat(50_000)},"error":null,"exitCode":0,"signal":null,"usage":{"wallMs":1,"cpuMs":1,"maxRssKiB":1},"output":{"bytes":0,"truncated":false}}`;

describe('runner link', () => {
  it('goes RUN, GO, RESET and serves again', async () => {
    const { runner, link, end } = await running();
    runner.say(STARTED, encodeFrame(FRAME.OUT, 'hi'), resultWith({}));
    expect(await end).toMatchObject({ kind: 'result' });
    const reset = link.reset();
    runner.say(READY);
    expect(await reset).toBeUndefined();
    const again = link.offer(spec);
    runner.say(ACK);
    expect(await again).toEqual({ kind: 'acked' });
    expect(runner.types).toEqual([FRAME.RUN, FRAME.GO, FRAME.RESET, FRAME.RUN]);
  });

  it('writes no GO of its own accord', async () => {
    const { runner, link } = await greeted();
    const offer = link.offer(spec);
    runner.say(ACK);
    await offer;
    link.signal('TERM');
    await link.destroy();
    expect(runner.types).toEqual([FRAME.RUN]);
  });

  it.each([
    ['RESULT before STARTED', [resultWith({})]],
    ['STARTED twice', [STARTED, STARTED]],
    ['output before STARTED', [encodeFrame(FRAME.OUT, 'x')]],
    ['HELLO again', [HELLO]],
    ['READY in a run', [STARTED, READY]],
    ['ACK in a run', [STARTED, ACK]],
    ['a frame of the worker', [STARTED, encodeJsonFrame(FRAME.RUN, {})]],
    ['a type that is not known', [Buffer.from([0, 0, 0, 0, 0x7f])]],
    ['a length over the limit', [Buffer.from([0xff, 0xff, 0xff, 0xff, FRAME.OUT])]],
    ['a RESULT that is not JSON', [STARTED, encodeFrame(FRAME.RESULT, '{')]],
    ['a RESULT without its usage', [STARTED, resultWith({ usage: {} })]],
    ['a value over the limit', [STARTED, resultWith({ value: 'x'.repeat(RESULT_BYTES_MAX) })]],
    ['a value nested too deep to be written', [STARTED, encodeFrame(FRAME.RESULT, nested)]],
    [
      'an error of a novel',
      [STARTED, resultWith({ ok: false, error: { code: 'x', message: 'x'.repeat(5_000) } })],
    ],
  ])('ends the runner at %s', async (_what, frames) => {
    const { runner, end } = await running();
    runner.say(...frames);
    expect(await end).toMatchObject(breach);
    expect(runner.destroyed).toBe(true);
  });

  it.each([
    ['another job', { nonce: 'nonce-of-the-test', job: 'j2', attempt: 1 }],
    ['another attempt', { nonce: 'nonce-of-the-test', job: 'j1', attempt: 2 }],
    ['another nonce', { nonce: 'another-nonce', job: 'j1', attempt: 1 }],
  ])('ends the runner at an ACK of %s', async (_what, ack) => {
    const { runner, link } = await greeted();
    const offer = link.offer(spec);
    runner.say(encodeJsonFrame(FRAME.ACK, ack));
    expect(await offer).toMatchObject(breach);
  });

  it('settles whatever waits when the runner dies', async () => {
    const silent = new ScriptedRunner();
    const greeting = new RunnerLink(silent).greeted;
    silent.die('oops');
    expect(await greeting).toEqual({ kind: 'ended', why: 'gone', reason: 'oops' });
    const { runner, end, link } = await running();
    runner.die('oops');
    expect(await end).toEqual({ kind: 'ended', why: 'gone', reason: 'oops' });
    expect(await link.reset()).toMatchObject({ kind: 'ended' });
  });

  it('never throws and always settles, whatever bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), async (pieces) => {
        const { runner, link, end } = await running();
        for (const piece of pieces) runner.say(Buffer.from(piece));
        await link.destroy();
        expect(['ended', 'result']).toContain((await end).kind);
      }),
    );
  });
});
