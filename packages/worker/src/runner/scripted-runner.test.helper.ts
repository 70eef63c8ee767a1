/** A runner end that a test plays by hand: what the worker writes is listed, what the test says arrives in one piece. */
import {
  encodeFrame,
  encodeJsonFrame,
  FRAME,
  FrameDecoder,
  RUNNER_FEATURES,
  type Frame,
} from '@zerofleet/protocol';
import type { RunnerPipe } from '../engine/tool-engine.js';

export const NONCE = 'nonce-of-the-test';
export const HELLO = encodeJsonFrame(FRAME.HELLO, { v: [1], nonce: NONCE, runner: 'test', tools: [] });
export const HELLO_ALL = encodeJsonFrame(FRAME.HELLO, {
  v: [1],
  nonce: NONCE,
  runner: 'test',
  tools: [],
  features: [...RUNNER_FEATURES, 'of-tomorrow'],
});
export const STARTED = encodeJsonFrame(FRAME.STARTED, {});
export const READY = encodeJsonFrame(FRAME.READY, {});
export const ACK = encodeJsonFrame(FRAME.ACK, { nonce: NONCE, job: 'j1', attempt: 1 });

const RESULT = {
  ok: true,
  value: null,
  error: null,
  exitCode: 0,
  signal: null,
  usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 },
  output: { bytes: 0, truncated: false },
};
export const resultWith = (change: object): Buffer => encodeJsonFrame(FRAME.RESULT, { ...RESULT, ...change });

export const saved = (data: Buffer, flags = 0): Buffer =>
  encodeFrame(FRAME.SAVED, Buffer.concat([Buffer.from([flags]), data]));

export const fileOut = (path: string, data: Buffer, flags = 0): Buffer => {
  const name = Buffer.from(path);
  const head = Buffer.from([flags, name.byteLength >> 8, name.byteLength & 0xff]);
  return encodeFrame(FRAME.FILE_OUT, Buffer.concat([head, name, data]));
};

export const tunnelOut = (id: number, data: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(id);
  return encodeFrame(FRAME.TUNNEL_OUT, Buffer.concat([head, data]));
};

export class ScriptedRunner implements RunnerPipe {
  readonly id = 'scripted';
  readonly written: Frame[] = [];
  destroyed = false;
  private readonly decoder = new FrameDecoder();
  private take: (bytes: Buffer) => void = () => undefined;
  private over: (reason: string, engineLost: boolean) => void = () => undefined;

  /** What the worker wrote so far, by frame type. */
  get types(): number[] {
    return this.written.map((frame) => frame.type);
  }

  write(bytes: Buffer): void {
    this.written.push(...this.decoder.push(bytes));
  }

  onData(take: (bytes: Buffer) => void): void {
    this.take = take;
  }

  onEnd(over: (reason: string, engineLost: boolean) => void): void {
    this.over = over;
  }

  destroy(): Promise<void> {
    this.destroyed = true;
    return Promise.resolve();
  }

  say(...frames: Buffer[]): void {
    this.take(Buffer.concat(frames));
  }

  die(reason: string): void {
    this.over(reason, false);
  }
}
