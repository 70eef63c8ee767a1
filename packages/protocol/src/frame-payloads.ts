/**
 * Payloads of runner frames that are bytes, and the limits of what flows in them: docs/protocol/runner-frames.md.
 *
 * Y1  Reading one is pure and throws FrameBreach where it does not fit; nothing is kept beyond the frame.
 */
import { encodeFrame, FRAME, FrameBreach } from './frames.js';

/** What a runner may name in HELLO's `features`; a frame of a feature is for runners that name it only. */
export const RUNNER_FEATURES = ['session', 'files-out', 'egress'] as const;
export type RunnerFeature = (typeof RUNNER_FEATURES)[number];

/** File bytes in one FILE_IN, FILE_OUT, SAVED or RESTORE, at most. */
export const PIECE_BYTES_MAX = 256 * 1024;
/** Payload bytes of SAVED or FILE_OUT that a runner may have sent beyond what CREDIT has answered. */
export const STREAM_CREDIT_BYTES = 1024 * 1024;
/** RESTORE bytes on their way that no PONG has answered yet, at most. */
export const RESTORE_AHEAD_BYTES = 1024 * 1024;
/** Data bytes of one tunnel and direction that may be on their way unanswered. */
export const TUNNEL_CREDIT_BYTES = 256 * 1024;
/** Data bytes in one TUNNEL_IN or TUNNEL_OUT, at most. */
export const TUNNEL_PIECE_BYTES_MAX = 64 * 1024;
/** Tunnels of one runner that are open, or whose TUNNEL_CLOSED has not come yet. */
export const TUNNELS_MAX = 64;
/** A file's path in a frame, in bytes of UTF-8, and one component of it. */
export const FRAME_PATH_BYTES_MAX = 1_024;
export const FRAME_NAME_BYTES_MAX = 255;

const LAST = 1;
/** FILE_OUT: what came of this file is to be thrown away. SAVED: the data says why nothing is saved. */
const VOID = 2;
const FILE_HEAD_BYTES = 3;
const TUNNEL_HEAD_BYTES = 4;

/** A FILE_IN frame; `path` is at most 65,535 bytes of UTF-8. */
export const encodeFileFrame = (path: string, data: Uint8Array, last: boolean): Buffer => {
  const name = Buffer.from(path, 'utf8');
  const head = Buffer.allocUnsafe(FILE_HEAD_BYTES);
  head.writeUInt8(last ? LAST : 0, 0);
  head.writeUInt16BE(name.byteLength, 1);
  return encodeFrame(FRAME.FILE_IN, Buffer.concat([head, name, data]));
};

/** A RESTORE frame. */
export const encodeRestoreFrame = (data: Uint8Array, last: boolean): Buffer =>
  encodeFrame(FRAME.RESTORE, Buffer.concat([Buffer.from([last ? LAST : 0]), data]));

/** A TUNNEL_IN frame; without data it says that no more comes. */
export const encodeTunnelFrame = (id: number, data: Uint8Array): Buffer => {
  const head = Buffer.allocUnsafe(TUNNEL_HEAD_BYTES);
  head.writeUInt32BE(id, 0);
  return encodeFrame(FRAME.TUNNEL_IN, Buffer.concat([head, data]));
};

/** A piece of a file that a job left. */
export interface FilePiece {
  /** Relative to the work directory, without `.`, `..` and empty components. */
  readonly path: string;
  readonly data: Buffer;
  readonly last: boolean;
  /** The file could not be read to its end: what came of it is to be thrown away. */
  readonly dropped: boolean;
}

/** The piece in a FILE_OUT. Throws FrameBreach. */
export const parseFileOut = (payload: Buffer): FilePiece => {
  if (payload.byteLength < FILE_HEAD_BYTES) throw new FrameBreach('a FILE_OUT that is too short');
  const flags = flagsOf(payload, 'FILE_OUT');
  const end = FILE_HEAD_BYTES + payload.readUInt16BE(1);
  if (payload.byteLength < end) throw new FrameBreach('a FILE_OUT without its path');
  const data = payload.subarray(end);
  if (data.byteLength > PIECE_BYTES_MAX) throw new FrameBreach('a FILE_OUT that is too long');
  const [last, dropped] = [(flags & LAST) > 0, (flags & VOID) > 0];
  if (dropped && (!last || data.byteLength > 0)) throw new FrameBreach('a FILE_OUT both dropped and not');
  return { path: pathOf(payload.subarray(FILE_HEAD_BYTES, end)), data, last, dropped };
};

/** A piece of a saved work directory; `refused`: the data is JSON that says why. */
export interface SavedPiece {
  readonly data: Buffer;
  readonly last: boolean;
  readonly refused: boolean;
}

/** The piece in a SAVED. Throws FrameBreach. */
export const parseSaved = (payload: Buffer): SavedPiece => {
  if (payload.byteLength > 1 + PIECE_BYTES_MAX) throw new FrameBreach('a SAVED that is too long');
  const flags = flagsOf(payload, 'SAVED');
  const [last, refused] = [(flags & LAST) > 0, (flags & VOID) > 0];
  if (refused && !last) throw new FrameBreach('a SAVED that is refused and goes on');
  return { data: payload.subarray(1), last, refused };
};

/** The tunnel and the bytes in a TUNNEL_OUT, none where no more come. Throws FrameBreach. */
export const parseTunnelOut = (payload: Buffer): { readonly id: number; readonly data: Buffer } => {
  const bytes = payload.byteLength - TUNNEL_HEAD_BYTES;
  if (bytes < 0 || bytes > TUNNEL_PIECE_BYTES_MAX) throw new FrameBreach('a TUNNEL_OUT of a wrong length');
  return { id: payload.readUInt32BE(0), data: payload.subarray(TUNNEL_HEAD_BYTES) };
};

const flagsOf = (payload: Buffer, frame: string): number => {
  const flags = payload[0];
  if (flags === undefined || (flags & ~(LAST | VOID)) !== 0) throw new FrameBreach(`a ${frame} of odd flags`);
  return flags;
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const pathOf = (bytes: Buffer): string => {
  if (bytes.byteLength > FRAME_PATH_BYTES_MAX) throw new FrameBreach('a path that is too long');
  let path: string;
  try {
    path = utf8.decode(bytes);
  } catch {
    throw new FrameBreach('a path that is not UTF-8');
  }
  if (!isPlainPath(path)) throw new FrameBreach('a path that leads elsewhere');
  return path;
};

/** Whether `path` is relative and goes down only: no empty, `.` or `..` component, no NUL, none too long. */
const isPlainPath = (path: string): boolean =>
  !path.includes('\0') &&
  path
    .split('/')
    .every((name) => !['', '.', '..'].includes(name) && Buffer.byteLength(name) <= FRAME_NAME_BYTES_MAX);
