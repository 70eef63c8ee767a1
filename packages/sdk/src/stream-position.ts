/**
 * How far a reader of a job's events has come: what makes a stream over several connections look like one.
 *
 * P1  Each output byte of an attempt is handed out once and in order: what came already is cut off, a hole is reported
 *     and never stepped over.
 * P2  An attempt, a state or a truncation that was told already is not told again.
 * P3  Nothing of an attempt below the current one is handed out.
 */
import { chunkEnd, chunksFrom, type JobStreamEvent } from '@zerofleet/protocol';

/** `tell` holds what the reader gets: nothing for a repetition. `hole`: bytes before this event are missing. */
export type Advance =
  | { readonly kind: 'tell'; readonly event: JobStreamEvent | undefined }
  | { readonly kind: 'hole'; readonly reason: string };

const NOTHING: Advance = { kind: 'tell', event: undefined };

export class StreamPosition {
  private attempt = 0;
  private offset = 0;
  private truncatedAttempt = 0;
  private lastState = '';

  /** At the beginning, or behind the output event `lastEventId`; undefined when that is no event id. */
  static at(lastEventId: string | undefined): StreamPosition | undefined {
    const position = new StreamPosition();
    if (lastEventId === undefined) return position;
    const match = /^(\d{1,9}):(\d{1,15})$/.exec(lastEventId);
    if (match === null) return undefined;
    position.attempt = Number(match[1]);
    position.offset = Number(match[2]);
    return position;
  }

  /** The id with which a connection goes on from here; undefined at the very beginning. */
  get lastEventId(): string | undefined {
    return this.attempt === 0 ? undefined : `${this.attempt}:${this.offset}`;
  }

  /** Takes `event` in. */
  advance(event: JobStreamEvent): Advance {
    switch (event.type) {
      case 'state':
        return this.state(event);
      case 'attempt':
        if (event.attempt <= this.attempt) return NOTHING;
        this.enter(event.attempt);
        return { kind: 'tell', event };
      case 'output':
        return this.output(event);
      case 'truncated':
        if (event.attempt < this.attempt || event.attempt === this.truncatedAttempt) return NOTHING;
        if (event.attempt > this.attempt || event.bytes > this.offset)
          return { kind: 'hole', reason: `the output of attempt ${event.attempt} ended early` };
        this.truncatedAttempt = event.attempt;
        return { kind: 'tell', event };
    }
  }

  private state(event: Extract<JobStreamEvent, { type: 'state' }>): Advance {
    const state = JSON.stringify(event.job);
    if (state === this.lastState) return NOTHING;
    this.lastState = state;
    return { kind: 'tell', event };
  }

  private output(event: Extract<JobStreamEvent, { type: 'output' }>): Advance {
    if (event.attempt < this.attempt) return NOTHING;
    if (event.attempt > this.attempt)
      return { kind: 'hole', reason: `attempt ${event.attempt} was not announced` };
    if (event.chunk.offset > this.offset)
      return {
        kind: 'hole',
        reason: `bytes ${this.offset} to ${event.chunk.offset} of attempt ${event.attempt} did not come`,
      };
    const [chunk] = chunksFrom([event.chunk], this.offset);
    if (chunk === undefined || chunkEnd(chunk) === this.offset) return NOTHING;
    this.offset = chunkEnd(chunk);
    return { kind: 'tell', event: chunk === event.chunk ? event : { ...event, chunk } };
  }

  private enter(attempt: number): void {
    this.attempt = attempt;
    this.offset = 0;
  }
}
