/**
 * A job's events over as many connections as it takes.
 *
 * E1  A connection that breaks, falls silent, ends before a final state, holds a hole or does not parse is dropped and
 *     taken up again behind the last byte handed out; stream-position.ts keeps bytes from being lost or doubled.
 * E2  The retry budget starts anew whenever something new was handed out or the server showed that it lives.
 */
import { FINAL_STAGES, type JobStreamEvent } from '@zerofleet/protocol';
import type { Call, Caller } from './caller.js';
import { throwIfAborted, type Cancel, type SdkClock } from './clock.js';
import {
  BadOptionError,
  ProblemError,
  StreamBrokenError,
  UnexpectedAnswerError,
  UnreachableError,
  wordsOf,
} from './errors.js';
import type { OpenStream } from './exchange.js';
import type { RetryBudget } from './retry-budget.js';
import { SseParser } from './sse-parser.js';
import { parseJobEvent } from './stream-events.js';
import { StreamPosition } from './stream-position.js';

/** The server says something every 15 s; a connection that says nothing for so long is dead. */
const SILENCE_MS_MAX = 45_000;

export interface EventStreamOptions {
  readonly caller: Caller;
  readonly clock: SdkClock;
  readonly call: Call;
  readonly budget: RetryBudget;
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Why a connection ended: the job did, or what was wrong with it. */
type End =
  { readonly kind: 'final' } | { readonly kind: 'lost'; readonly reason: string; readonly cause: unknown };

/** The events until the final state. Throws StreamBrokenError, what Caller.call throws, or the signal's reason. */
export async function* eventStream(
  options: EventStreamOptions,
): AsyncGenerator<JobStreamEvent, void, undefined> {
  const { caller, budget, call, signal } = options;
  const position = StreamPosition.at(options.lastEventId);
  if (position === undefined) throw new BadOptionError(`'${options.lastEventId}' is not an event id`);
  for (let connections = 0; ; connections += 1) {
    const { lastEventId } = position;
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const reply = caller.call({ ...call, headers }, budget);
    const { url, answer } = await (connections === 0
      ? reply
      : reply.catch((error: unknown) => giveUp(error, position)));
    if (answer.kind !== 'stream' || !isEventStream(answer)) {
      if (answer.kind === 'stream') answer.close();
      throw new UnexpectedAnswerError(url, 200, 'its body is not an event stream');
    }
    const end = yield* connection(options, position, answer);
    if (end.kind === 'final') return;
    if (!(await budget.another(undefined, signal)))
      throw new StreamBrokenError(end.reason, position.lastEventId, end.cause);
  }
}

/** A stream that had begun ends with the place where another call goes on; a refusal of the job itself stays what it is. */
const giveUp = (error: unknown, position: StreamPosition): never => {
  const temporary =
    error instanceof UnreachableError || (error instanceof ProblemError && error.status >= 500);
  throw temporary ? new StreamBrokenError(error.message, position.lastEventId, error) : error;
};

const isEventStream = ({ headers }: OpenStream): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') === true;

async function* connection(
  { clock, budget, signal }: EventStreamOptions,
  position: StreamPosition,
  stream: OpenStream,
): AsyncGenerator<JobStreamEvent, End, undefined> {
  const parser = new SseParser();
  const watch = new SilenceWatch(clock, stream.close);
  try {
    for await (const bytes of stream.body) {
      watch.heard();
      for (const item of parser.push(bytes)) {
        if (item.kind === 'comment') budget.reset();
        else {
          const parsed = parseJobEvent(item.event, item.data);
          if (parsed.kind === 'unknown') continue;
          if (parsed.kind === 'malformed') return lost(parsed.reason);
          const step = position.advance(parsed.event);
          if (step.kind === 'hole') return lost(step.reason);
          if (step.event !== undefined) {
            budget.reset();
            yield step.event;
          }
          if (parsed.event.type === 'state' && FINAL_STAGES.has(parsed.event.job.stage))
            return { kind: 'final' };
        }
      }
    }
    return lost('it ended before the job did');
  } catch (cause) {
    throwIfAborted(signal);
    return lost(watch.fired ? `nothing came for ${SILENCE_MS_MAX} ms` : wordsOf(cause), cause);
  } finally {
    watch.stop();
    stream.close();
  }
}

const lost = (reason: string, cause?: unknown): End => ({ kind: 'lost', reason, cause });

/** Calls `close` once nothing was heard for SILENCE_MS_MAX. */
class SilenceWatch {
  fired = false;
  private readonly clock: SdkClock;
  private readonly close: () => void;
  private cancel: Cancel;
  private heardAtMs: number;

  constructor(clock: SdkClock, close: () => void) {
    this.clock = clock;
    this.close = close;
    this.heardAtMs = clock.nowMs();
    this.cancel = this.arm(SILENCE_MS_MAX);
  }

  heard(): void {
    this.heardAtMs = this.clock.nowMs();
  }

  stop(): void {
    this.cancel();
  }

  /** One timer for the whole connection: setting a new one for each piece would cost more than reading it. */
  private arm(delayMs: number): Cancel {
    return this.clock.after(delayMs, () => {
      const leftMs = this.heardAtMs + SILENCE_MS_MAX - this.clock.nowMs();
      if (leftMs > 0) {
        this.cancel = this.arm(leftMs);
        return;
      }
      this.fired = true;
      this.close();
    });
  }
}
