/** Sessions, saved work directories and collected files against a runner that a test plays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  encodeJsonFrame,
  FRAME,
  PIECE_BYTES_MAX,
  STREAM_CREDIT_BYTES,
} from '@zerofleet/protocol';
import type { FilePiece } from '@zerofleet/protocol';
import { RunnerLink, type RunEnd, type RunSpec } from './runner-link.js';
import {
  ACK,
  fileOut,
  HELLO_ALL,
  READY,
  resultWith,
  saved,
  ScriptedRunner,
  STARTED,
} from './scripted-runner.test.helper.js';

const spec: RunSpec = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: {},
  files: [],
  limits: { timeoutMs: 1_000, outputBytes: 100, resultBytes: 1_000 },
};
const collect = { paths: ['out', 'one.txt'], bytesMax: 4 * STREAM_CREDIT_BYTES, countMax: 3 };
const quiet = { started: () => undefined, output: () => undefined };
const FILES = { count: 0, bytes: 0, skipped: [], skippedMore: 0, truncated: false };

const greeted = async (): Promise<{ runner: ScriptedRunner; link: RunnerLink }> => {
  const runner = new ScriptedRunner();
  const link = new RunnerLink(runner);
  runner.say(HELLO_ALL);
  await link.greeted;
  return { runner, link };
};

const ran = async (change: Partial<RunSpec>): Promise<{ runner: ScriptedRunner; link: RunnerLink }> => {
  const { runner, link } = await greeted();
  const offer = link.offer({ ...spec, ...change });
  runner.say(ACK);
  await offer;
  return { runner, link };
};

const kept = async (): Promise<{ runner: ScriptedRunner; link: RunnerLink }> => {
  const { runner, link } = await ran({ session: true });
  const end = link.go(quiet);
  runner.say(STARTED, resultWith({ session: { shells: 1 } }));
  expect(await end).toMatchObject({ kind: 'result', result: { session: { shells: 1 } } });
  const keep = link.keep();
  runner.say(READY);
  expect(await keep).toBeUndefined();
  return { runner, link };
};

const breach = { kind: 'ended', why: 'breach' };
const creditOf = (runner: ScriptedRunner): number[] =>
  runner.written
    .filter(({ type }) => type === FRAME.CREDIT)
    .map(({ payload }) => (JSON.parse(payload.toString()) as { bytes: number }).bytes);
/** Whatever is due on the microtask queue has been done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('runner link, sessions', () => {
  it('says what the job wants, and keeps the runner for the next call', async () => {
    const { runner, link } = await kept();
    const again = link.offer({ ...spec, session: true, collect, egress: true });
    runner.say(ACK);
    expect(await again).toEqual({ kind: 'acked' });
    const run = JSON.parse(runner.written.at(-1)?.payload.toString() ?? '') as Record<string, unknown>;
    expect(run).toMatchObject({
      session: true,
      collect: ['out', 'one.txt'],
      egress: true,
      limits: { filesBytes: collect.bytesMax, filesCount: 3 },
    });
    expect(runner.types).toEqual([FRAME.RUN, FRAME.GO, FRAME.KEEP, FRAME.RUN]);
  });

  it.each([
    ['session', { session: true }],
    ['files-out', { collect }],
    ['egress', { egress: true }],
  ])('refuses a job that needs %s from a runner that does not name it', async (feature, change) => {
    const runner = new ScriptedRunner();
    const link = new RunnerLink(runner);
    runner.say(encodeJsonFrame(FRAME.HELLO, { v: [1], nonce: 'nonce-of-the-test', runner: 'x', tools: [] }));
    await link.greeted;
    expect(await link.offer({ ...spec, ...change })).toMatchObject({
      kind: 'refused',
      nak: { code: 'no_feature', message: `this runner knows no '${feature}'` },
    });
    expect(runner.types).toEqual([]);
    const reset = link.reset();
    runner.say(READY);
    expect(await reset).toBeUndefined();
  });

  it.each([
    ['no word of the session', {}, { session: true }],
    ['a session nobody asked for', { session: { shells: 0 } }, {}],
    ['too many shells', { session: { shells: 11 } }, { session: true }],
    ['half a shell', { session: { shells: 0.5 } }, { session: true }],
    ['no word of files', {}, { collect }],
    ['files nobody asked for', { files: FILES }, {}],
    ['files that did not come', { files: { ...FILES, count: 1 } }, { collect }],
    ['bytes that did not come', { files: { ...FILES, bytes: 1 } }, { collect }],
    ['a count that is none', { files: { ...FILES, skippedMore: -1 } }, { collect }],
    [
      'a list without end',
      { files: { ...FILES, skipped: Array(101).fill({ path: 'x', why: 'y' }) } },
      { collect },
    ],
  ])('ends the runner at a RESULT with %s', async (_what, result, change) => {
    const { runner, link } = await ran(change);
    const end = link.go(quiet);
    runner.say(STARTED, resultWith(result));
    expect(await end).toMatchObject(breach);
  });

  it('takes output up to its limit, to the byte, and ends the runner beyond', async () => {
    const { runner, link } = await ran({});
    const end = link.go(quiet);
    runner.say(STARTED, encodeFrame(FRAME.OUT, 'x'.repeat(60)), encodeFrame(FRAME.ERR, 'x'.repeat(40)));
    await settled();
    expect(runner.destroyed).toBe(false);
    runner.say(encodeFrame(FRAME.ERR, 'x'));
    expect(await end).toMatchObject({ ...breach, reason: 'more output than its limit' });
  });
});

describe('runner link, saved work directories', () => {
  it('gives the tar as it comes, answers for what was read, and is idle again', async () => {
    const { runner, link } = await kept();
    const save = link.save(10 * STREAM_CREDIT_BYTES);
    const pieces: Buffer[] = [];
    const reading = (async () => {
      for await (const piece of save) pieces.push(piece);
    })();
    for (let at = 0; at < 8; at += 1) {
      runner.say(saved(Buffer.alloc(PIECE_BYTES_MAX, at)));
      await settled();
    }
    runner.say(saved(Buffer.from('end'), 1));
    await reading;
    const bytes = 8 * PIECE_BYTES_MAX + 3;
    expect(await save.end).toEqual({ kind: 'saved', bytes });
    expect(Buffer.concat(pieces).byteLength).toBe(bytes);
    expect(creditOf(runner).reduce((sum, one) => sum + one, 0)).toBe(8 * (PIECE_BYTES_MAX + 1));
    const again = link.offer({ ...spec, session: true });
    runner.say(ACK);
    expect(await again).toEqual({ kind: 'acked' });
  });

  it('lets the rest go by when its reader stops', async () => {
    const { runner, link } = await kept();
    const save = link.save(10 * STREAM_CREDIT_BYTES);
    runner.say(saved(Buffer.alloc(PIECE_BYTES_MAX)), saved(Buffer.alloc(PIECE_BYTES_MAX)));
    for await (const piece of save) {
      expect(piece.byteLength).toBe(PIECE_BYTES_MAX);
      break;
    }
    for (let at = 0; at < 8; at += 1) runner.say(saved(Buffer.alloc(PIECE_BYTES_MAX)));
    runner.say(saved(Buffer.alloc(0), 1));
    expect(await save.end).toMatchObject({ kind: 'saved' });
  });

  it('says why nothing was saved', async () => {
    const { runner, link } = await kept();
    const save = link.save(1_000);
    runner.say(saved(Buffer.from('begin')), saved(Buffer.from('{"code":"too_large","message":"no"}'), 3));
    expect(await save.end).toEqual({ kind: 'refused', refusal: { code: 'too_large', message: 'no' } });
  });

  it.each([
    ['more than it has credit for', Array<Buffer>(5).fill(saved(Buffer.alloc(PIECE_BYTES_MAX)))],
    ['a tar over the limit', [saved(Buffer.alloc(PIECE_BYTES_MAX)), saved(Buffer.alloc(100_000))]],
    ['a piece over the limit', [saved(Buffer.alloc(PIECE_BYTES_MAX + 1))]],
    ['a piece without flags', [encodeFrame(FRAME.SAVED, '')]],
    ['odd flags', [saved(Buffer.alloc(1), 4)]],
    ['a refusal that goes on', [saved(Buffer.from('{"code":"x","message":"y"}'), 2)]],
    ['a refusal without reason', [saved(Buffer.from('{}'), 3)]],
    ['a result', [resultWith({})]],
    ['a piece after the last', [saved(Buffer.alloc(1), 1), saved(Buffer.alloc(1), 1)]],
  ])('ends the runner at %s', async (what, frames) => {
    const { runner, link } = await kept();
    const save = link.save(what.includes('tar over') ? 300_000 : 100 * STREAM_CREDIT_BYTES);
    runner.say(...frames);
    if (!what.includes('after')) expect(await save.end).toMatchObject(breach);
    expect(runner.destroyed).toBe(true);
    // Whoever reads is not left waiting.
    for await (const piece of save) expect(piece.byteLength).toBeGreaterThan(0);
  });

  it('settles when the runner dies, also for one who reads', async () => {
    const { runner, link } = await kept();
    const save = link.save(1_000);
    const reading = (async () => {
      for await (const piece of save) expect(piece).toBeUndefined();
    })();
    runner.die('oops');
    expect(await save.end).toEqual({ kind: 'ended', why: 'gone', reason: 'oops' });
    await reading;
    expect(await link.save(1).end).toMatchObject({ kind: 'ended' });
  });

  it('saves no runner that has nothing kept', async () => {
    const { link } = await greeted();
    expect(() => link.save(1)).toThrow('no session');
  });
});

describe('runner link, restored work directories', () => {
  const tar = async function* (pieces: number, onPull: () => void = () => undefined): AsyncGenerator<Buffer> {
    for (let at = 0; at < pieces; at += 1) {
      onPull();
      yield await Promise.resolve(Buffer.alloc(PIECE_BYTES_MAX, at));
    }
  };
  const PONG = encodeJsonFrame(FRAME.PONG, {});
  const restored = (change: object): Buffer =>
    encodeJsonFrame(FRAME.RESTORED, { ok: true, files: 1, bytes: 2, error: null, ...change });

  it('sends no more than 1 MiB ahead, and knows what became of it', async () => {
    const { runner, link } = await greeted();
    let pulled = 0;
    const restore = link.restore(tar(10, () => (pulled += 1)));
    await settled();
    expect(runner.types.filter((type) => type === FRAME.RESTORE)).toHaveLength(4);
    expect(pulled).toBe(5);
    for (let at = 0; at < 10; at += 1) {
      runner.say(PONG);
      await settled();
    }
    runner.say(restored({}));
    expect(await restore).toEqual({ kind: 'restored', files: 1, bytes: 2 });
    const pieces = runner.written.filter(({ type }) => type === FRAME.RESTORE);
    expect(pieces.map(({ payload }) => payload[0])).toEqual([...Array<number>(10).fill(0), 1]);
    // What was restored can be saved again.
    link.save(1);
  });

  it('stops at a refusal, and the runner serves again after RESET', async () => {
    const { runner, link } = await greeted();
    const restore = link.restore(tar(1_000));
    await settled();
    runner.say(restored({ ok: false, error: 'a device' }));
    expect(await restore).toEqual({ kind: 'refused', reason: 'a device' });
    await settled();
    expect(runner.types.filter((type) => type === FRAME.RESTORE)).toHaveLength(4);
    expect(() => link.offer(spec)).toThrow('is ran, not idle');
    const reset = link.reset();
    runner.say(READY);
    expect(await reset).toBeUndefined();
  });

  it.each([
    ['is glad too early', [restored({})]],
    ['answers what nobody asked', Array<Buffer>(5).fill(PONG)],
    ['counts in halves', [restored({ files: 0.5 })]],
    ['saves', [saved(Buffer.alloc(0), 1)]],
  ])('ends a runner that %s', async (_what, frames) => {
    const { runner, link } = await greeted();
    const restore = link.restore(tar(1_000));
    await settled();
    runner.say(...frames);
    expect(await restore).toMatchObject(breach);
  });

  it('lets go of the tar when the runner dies', async () => {
    const { runner, link } = await greeted();
    let isLetGo = false;
    const endless = async function* (): AsyncGenerator<Buffer> {
      try {
        yield* tar(1_000);
      } finally {
        isLetGo = true;
      }
    };
    const restore = link.restore(endless());
    await settled();
    runner.die('oops');
    expect(await restore).toMatchObject({ kind: 'ended', why: 'gone' });
    await settled();
    expect(isLetGo).toBe(true);
  });

  it('ends the runner when the tar cannot be read', async () => {
    const { runner, link } = await greeted();
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.alloc(1));
      throw new Error('the store is gone');
    };
    await expect(link.restore(broken())).rejects.toThrow('the store is gone');
    expect(runner.destroyed).toBe(true);
  });
});

describe('runner link, collected files', () => {
  const running = async (
    file: (piece: FilePiece) => Promise<void> | void,
  ): Promise<{ runner: ScriptedRunner; end: Promise<RunEnd> }> => {
    const { runner, link } = await ran({ collect });
    const end = link.go({ ...quiet, file });
    runner.say(STARTED);
    return { runner, end };
  };

  it('hands files on piece after piece, answers for them when they are dealt with, then ends', async () => {
    const taken: string[] = [];
    const open: (() => void)[] = [];
    const { runner, end } = await running(({ path, data, last, dropped }) => {
      taken.push(`${path} ${data.byteLength} ${last} ${dropped}`);
      return new Promise<void>((resolve) => open.push(resolve));
    });
    const data = Buffer.alloc(PIECE_BYTES_MAX);
    runner.say(fileOut('out/a', data), fileOut('out/a', Buffer.alloc(1), 1));
    runner.say(fileOut('one.txt', Buffer.from('é')), fileOut('one.txt', Buffer.alloc(0), 3));
    runner.say(resultWith({ files: { ...FILES, count: 1, bytes: PIECE_BYTES_MAX + 1 } }));
    let isOver = false;
    void end.then(() => (isOver = true));
    for (let at = 0; at < 4; at += 1) {
      await settled();
      expect([taken.length, isOver]).toEqual([at + 1, false]);
      open.shift()?.();
    }
    expect(await end).toMatchObject({ kind: 'result' });
    expect(taken).toEqual([
      `out/a ${PIECE_BYTES_MAX} false false`,
      'out/a 1 true false',
      'one.txt 2 false false',
      'one.txt 0 true true',
    ]);
  });

  it('answers in portions while the run goes on', async () => {
    const { runner } = await running(() => undefined);
    for (let at = 0; at < 12; at += 1) {
      runner.say(fileOut('out/big', Buffer.alloc(PIECE_BYTES_MAX)));
      await settled();
    }
    expect(runner.destroyed).toBe(false);
    expect(creditOf(runner)).toHaveLength(12);
  });

  it('ends the runner when files cannot be taken in', async () => {
    const { runner, end } = await running(() => Promise.reject(new Error('no room')));
    runner.say(fileOut('out/a', Buffer.alloc(1), 1), resultWith({ files: { ...FILES, count: 1, bytes: 1 } }));
    expect(await end).toMatchObject({ kind: 'ended', why: 'gone' });
    expect(runner.destroyed).toBe(true);
  });

  const piece = fileOut('out/a', Buffer.alloc(PIECE_BYTES_MAX));
  it.each([
    ['outside of what was asked for', [fileOut('other', Buffer.alloc(1), 1)]],
    ['that only begins like it', [fileOut('outer', Buffer.alloc(1), 1)]],
    ['above it', [fileOut('out/../x', Buffer.alloc(1), 1)]],
    ['at an absolute path', [fileOut('/out', Buffer.alloc(1), 1)]],
    ['of a path with a NUL', [fileOut('out/a\0b', Buffer.alloc(1), 1)]],
    ['of no path', [fileOut('', Buffer.alloc(1), 1)]],
    ['of an endless path', [fileOut(`out/${'a/'.repeat(600)}b`, Buffer.alloc(1), 1)]],
    ['of an endless name', [fileOut(`out/${'a'.repeat(256)}`, Buffer.alloc(1), 1)]],
    ['of a path that is not UTF-8', [encodeFrame(FRAME.FILE_OUT, Buffer.from([1, 0, 1, 0xff]))]],
    ['twice', [fileOut('out/a', Buffer.alloc(1), 1), fileOut('out/a', Buffer.alloc(1), 1)]],
    ['amid another', [fileOut('out/a', Buffer.alloc(1)), fileOut('out/b', Buffer.alloc(1))]],
    ['beyond its credit', [piece, piece, piece, piece]],
    ['cut short in its head', [encodeFrame(FRAME.FILE_OUT, Buffer.from([1, 0]))]],
    ['cut short in its path', [encodeFrame(FRAME.FILE_OUT, Buffer.from([1, 0, 4, 65]))]],
    ['of odd flags', [fileOut('out/a', Buffer.alloc(1), 8)]],
    ['dropped with data', [fileOut('out/a', Buffer.alloc(1), 3)]],
    ['dropped and going on', [fileOut('out/a', Buffer.alloc(0), 2)]],
    ['in a piece over the limit', [fileOut('out/a', Buffer.alloc(PIECE_BYTES_MAX + 1))]],
    [
      'cut off by the result',
      [fileOut('out/a', Buffer.alloc(1)), resultWith({ files: { ...FILES, bytes: 1 } })],
    ],
    ['before output', [fileOut('out/a', Buffer.alloc(1), 1), encodeFrame(FRAME.OUT, 'x')]],
    ['beyond their number', ['a', 'b', 'c', 'd'].map((name) => fileOut(`out/${name}`, Buffer.alloc(0), 1))],
  ])('ends the runner at a file %s', async (_what, frames) => {
    const { runner, end } = await running(() => new Promise(() => undefined));
    runner.say(...frames);
    expect(await end).toMatchObject(breach);
  });

  it('ends the runner at more bytes than asked for', async () => {
    const { runner, end } = await running(() => undefined);
    for (let at = 0; at < 16; at += 1) {
      runner.say(fileOut('out/a', Buffer.alloc(PIECE_BYTES_MAX)));
      await settled();
    }
    expect(runner.destroyed).toBe(false);
    runner.say(fileOut('out/a', Buffer.alloc(1)));
    expect(await end).toMatchObject({ ...breach, reason: 'files of more bytes than asked for' });
  });

  it('ends the runner at files nobody asked for', async () => {
    const { runner, link } = await ran({});
    const end = link.go(quiet);
    runner.say(STARTED, fileOut('out/a', Buffer.alloc(1), 1));
    expect(await end).toMatchObject(breach);
  });
});

describe('runner link, hostile runners', () => {
  const frame = fc.oneof(
    fc.record({
      type: fc.constantFrom(...Object.values(FRAME)),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text)),
        fc.constantFrom('{}', '{"id":1,"bytes":9,"reason":"x"}').map((text) => Buffer.from(text)),
      ),
    }),
    fc.constantFrom(
      { type: FRAME.STARTED, payload: Buffer.from('{}') },
      { type: FRAME.READY, payload: Buffer.from('{}') },
      { type: FRAME.PONG, payload: Buffer.from('{}') },
    ),
  );
  const calls = fc.constantFrom('offer', 'go', 'reset', 'keep', 'save', 'restore', 'signal');

  /** One call of the worker, or none where the link says that it is not its time. */
  const call = (link: RunnerLink, name: string): Promise<unknown> => {
    const tar = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.alloc(10));
    };
    link.onTunnel({
      open: ({ id }) => link.tunnel.opened(id),
      data: (id, bytes) => link.tunnel.grant(id, bytes.byteLength),
      finished: () => undefined,
      room: () => undefined,
      closed: () => undefined,
    });
    try {
      if (name === 'offer') return link.offer({ ...spec, session: true, collect, egress: true });
      if (name === 'go') return link.go(quiet);
      if (name === 'reset') return link.reset();
      if (name === 'keep') return link.keep();
      if (name === 'save') return link.save(100).end;
      if (name === 'restore') return link.restore(tar());
      link.signal('TERM');
    } catch (error) {
      expect((error as Error).message).toMatch(/^runner scripted (is|has)/);
    }
    return Promise.resolve();
  };

  it('never make a call throw or hang, whatever they say and when', async () => {
    const step = fc.record({ call: calls, frames: fc.array(frame, { maxLength: 4 }), ack: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.nat(), async (steps, cut) => {
        const { runner, link } = await greeted();
        const open: Promise<unknown>[] = [];
        for (const one of steps) {
          open.push(call(link, one.call));
          const bytes = Buffer.concat([
            ...(one.ack ? [ACK] : []),
            ...one.frames.map(({ type, payload }) => encodeFrame(type, payload)),
          ]);
          const at = cut % (bytes.byteLength + 1);
          runner.say(bytes.subarray(0, at));
          runner.say(bytes.subarray(at));
          await settled();
        }
        await link.destroy();
        await Promise.all(open);
      }),
      { numRuns: 300 },
    );
  });
});
