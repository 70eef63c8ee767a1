/**
 * Runner frames: the codec of docs/protocol/runner-frames.md.
 *
 * F1  A decoder never buffers more than one frame beyond its header; a longer length prefix throws FrameBreach.
 * F2  Decoding is pure: bytes in, frames out, no IO; pieces may be cut anywhere.
 */
import { FRAME_BYTES_MAX } from '@zerofleet/model';

export const FRAMES_VERSION = 1;
const HEADER_BYTES = 5;

/** Frame types by name; the high bit says runner to worker. */
export const FRAME = {
  RUN: 0x01,
  FILE_IN: 0x02,
  GO: 0x03,
  SIGNAL: 0x04,
  RESET: 0x05,
  PING: 0x06,
  KEEP: 0x07,
  SAVE: 0x08,
  RESTORE: 0x09,
  TUNNEL_OPENED: 0x0a,
  TUNNEL_IN: 0x0b,
  TUNNEL_SHUT: 0x0c,
  CREDIT: 0x0d,
  HELLO: 0x81,
  ACK: 0x82,
  NAK: 0x83,
  STARTED: 0x84,
  OUT: 0x85,
  ERR: 0x86,
  RESULT: 0x87,
  READY: 0x88,
  PONG: 0x89,
  FILE_OUT: 0x8a,
  SAVED: 0x8b,
  RESTORED: 0x8c,
  TUNNEL_OPEN: 0x90,
  TUNNEL_OUT: 0x91,
  TUNNEL_CLOSED: 0x92,
  TUNNEL_CREDIT: 0x93,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];
const KNOWN: ReadonlySet<number> = new Set(Object.values(FRAME));

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

/** The peer broke the frame protocol; the connection cannot go on. */
export class FrameBreach extends Error {
  readonly code = 'frame_breach';
}

/** One frame as bytes. Throws RangeError when the payload is over FRAME_BYTES_MAX. */
export const encodeFrame = (type: FrameType, payload: Uint8Array | string): Buffer => {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
  if (body.byteLength > FRAME_BYTES_MAX) throw new RangeError(`frame payload of ${body.byteLength} bytes`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.byteLength);
  frame.writeUInt32BE(body.byteLength, 0);
  frame.writeUInt8(type, 4);
  frame.set(body, HEADER_BYTES);
  return frame;
};

/** A frame whose payload is JSON. */
export const encodeJsonFrame = (type: FrameType, value: unknown): Buffer =>
  encodeFrame(type, JSON.stringify(value));

/** Turns a byte stream that may be cut anywhere into frames. */
export class FrameDecoder {
  private pieces: Buffer[] = [];
  private buffered = 0;

  /** The frames that `bytes` completes. Throws FrameBreach on a bad header; the decoder is dead afterwards. */
  push(bytes: Buffer): Frame[] {
    this.pieces.push(bytes);
    this.buffered += bytes.byteLength;
    const frames: Frame[] = [];
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame);
    return frames;
  }

  private next(): Frame | undefined {
    if (this.buffered < HEADER_BYTES) return undefined;
    const first = this.pieces[0];
    if (first === undefined || first.byteLength < HEADER_BYTES) this.join();
    const head = this.pieces[0] as Buffer;
    const length = head.readUInt32BE(0);
    const type = head.readUInt8(4);
    if (length > FRAME_BYTES_MAX) throw new FrameBreach(`length prefix of ${length} bytes`);
    if (!KNOWN.has(type)) throw new FrameBreach(`unknown frame type 0x${type.toString(16)}`);
    const total = HEADER_BYTES + length;
    if (this.buffered < total) return undefined;
    if (head.byteLength < total) this.join();
    const whole = this.pieces[0] as Buffer;
    this.buffered -= total;
    if (whole.byteLength === total) this.pieces.shift();
    else this.pieces[0] = whole.subarray(total);
    return { type: type as FrameType, payload: whole.subarray(HEADER_BYTES, total) };
  }

  private join(): void {
    this.pieces = [Buffer.concat(this.pieces, this.buffered)];
  }
}
