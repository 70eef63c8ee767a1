/**
 * The tar of a work directory on its way from a runner to whoever stores it.
 *
 * V1  What waits to be read is at most the credit that the runner was given: it is answered for as it is read.
 * V2  The tar is at most as long as was asked for; `end` settles whatever happens, and the pieces end with it.
 */
import { FrameBreach, parseSaved, STREAM_CREDIT_BYTES } from '@zerofleet/protocol';
import { Credit } from './credit.js';
import { parseSaveRefusal, type SaveRefusal } from './messages.js';
import type { Ended } from './ended.js';

/** How a save ended. Only `saved` makes the pieces a whole tar: after any other end they are to be thrown away. */
export type SaveEnd =
  | { readonly kind: 'saved'; readonly bytes: number }
  | { readonly kind: 'refused'; readonly refusal: SaveRefusal }
  | Ended;

/** A tar in pieces, to be read once, and how it ended. Who stops reading early lets the rest come and go. */
export interface Save extends AsyncIterable<Buffer> {
  readonly end: Promise<SaveEnd>;
}

export class SaveStream implements Save {
  readonly end: Promise<SaveEnd>;
  private readonly bytesMax: number;
  private readonly grant: (bytes: number) => void;
  private readonly credit = new Credit(STREAM_CREDIT_BYTES, 'SAVED');
  private readonly waiting: Buffer[] = [];
  private bytes = 0;
  private isOver = false;
  private isUnread = false;
  private wake: () => void = () => undefined;
  private settle: (end: SaveEnd) => void = () => undefined;

  /** `grant` answers the runner for bytes that were read. */
  constructor(bytesMax: number, grant: (bytes: number) => void) {
    this.bytesMax = bytesMax;
    this.grant = grant;
    this.end = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Takes in a SAVED; whether it was the last. Throws FrameBreach. */
  take(payload: Buffer): boolean {
    this.credit.take(payload.byteLength);
    const { data, last, refused } = parseSaved(payload);
    if (refused) return this.refuse(data);
    this.bytes += data.byteLength;
    if (this.bytes > this.bytesMax) throw new FrameBreach('a saved work directory over the limit');
    if (this.isUnread) this.answer(payload.byteLength, last);
    else this.waiting.push(data);
    if (last) this.finish({ kind: 'saved', bytes: this.bytes });
    else this.wake();
    return last;
  }

  /** Ends it; only the first end counts. */
  finish(end: SaveEnd): void {
    this.isOver = true;
    this.settle(end);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const data = this.waiting.shift();
        if (data !== undefined) {
          yield data;
          this.answer(data.byteLength + 1, this.isOver);
        } else if (this.isOver) return;
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.isUnread = true;
      for (const data of this.waiting.splice(0)) this.answer(data.byteLength + 1, this.isOver);
    }
  }

  private refuse(data: Buffer): boolean {
    const refusal = parseSaveRefusal(data);
    if (!refusal.ok) throw new FrameBreach('a refusal to save that does not fit');
    this.finish({ kind: 'refused', refusal: refusal.value });
    return true;
  }

  private answer(bytes: number, over: boolean): void {
    const given = this.credit.give(bytes);
    if (given > 0 && !over) this.grant(given);
  }
}
