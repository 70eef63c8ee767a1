/**
 * What a peer may send without an answer, in bytes.
 *
 * G1  What was taken and not given back never exceeds the limit: a peer that sends more is in breach.
 * G2  It is given back in portions, so that answers cost little; a portion is far below the limit, so none stalls.
 */
import { FrameBreach } from '@zerofleet/protocol';

export class Credit {
  private left: number;
  private toGive = 0;
  private readonly portion: number;
  private readonly what: string;

  constructor(bytes: number, what: string) {
    this.left = bytes;
    this.portion = bytes / 4;
    this.what = what;
  }

  /** Notes bytes that came. Throws FrameBreach when they are more than were allowed (G1). */
  take(bytes: number): void {
    if (bytes > this.left) throw new FrameBreach(`${this.what} beyond its credit`);
    this.left -= bytes;
  }

  /** Notes bytes that were dealt with; how many to answer for now, or 0 (G2). */
  give(bytes: number): number {
    this.toGive += bytes;
    if (this.toGive < this.portion) return 0;
    const given = this.toGive;
    this.toGive = 0;
    this.left += given;
    return given;
  }
}
