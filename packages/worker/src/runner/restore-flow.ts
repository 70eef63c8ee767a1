/**
 * A tar on its way into a runner. The runner answers no RESTORE but the last, so PING goes with them as a mark.
 *
 * W1  At most RESTORE_AHEAD_BYTES are on their way beyond the last PONG.
 * W2  A PONG that nobody asked for is a breach.
 */
import {
  encodeJsonFrame,
  encodeRestoreFrame,
  FRAME,
  FrameBreach,
  PIECE_BYTES_MAX,
  RESTORE_AHEAD_BYTES,
} from '@zerofleet/protocol';

const PINGS_MAX = RESTORE_AHEAD_BYTES / PIECE_BYTES_MAX;

export class RestoreFlow {
  private readonly write: (frame: Buffer) => void;
  private pings = 0;
  private sinceMark = 0;
  private isOver = false;
  private hasSent = false;
  private wake: () => void = () => undefined;

  constructor(write: (frame: Buffer) => void) {
    this.write = write;
  }

  /** Sends the whole tar; returns early when `stop` was called. Rejects as `tar` does. */
  async send(tar: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const bytes of tar) {
      for (let from = 0; from < bytes.byteLength; from += PIECE_BYTES_MAX) {
        while (this.pings >= PINGS_MAX && !this.over()) await new Promise<void>((next) => (this.wake = next));
        if (this.over()) return;
        this.piece(bytes.subarray(from, from + PIECE_BYTES_MAX));
      }
    }
    if (this.over()) return;
    this.hasSent = true;
    this.write(encodeRestoreFrame(Buffer.alloc(0), true));
  }

  /** Whether the last piece is on its way. */
  get isSent(): boolean {
    return this.hasSent;
  }

  /** Takes in a PONG. Throws FrameBreach. */
  pong(): void {
    if (this.pings === 0) throw new FrameBreach('a PONG that nobody asked for');
    this.pings -= 1;
    this.wake();
  }

  /** Nothing more is to be sent. */
  stop(): void {
    this.isOver = true;
    this.wake();
  }

  /** Asked anew after every wait: `stop` may come in between. */
  private over(): boolean {
    return this.isOver;
  }

  private piece(bytes: Uint8Array): void {
    this.write(encodeRestoreFrame(bytes, false));
    this.sinceMark += bytes.byteLength;
    if (this.sinceMark < PIECE_BYTES_MAX) return;
    this.sinceMark = 0;
    this.pings += 1;
    this.write(encodeJsonFrame(FRAME.PING, {}));
  }
}
