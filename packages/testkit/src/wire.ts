/** What carries messages between processes and servers: late, out of order, twice, or not at all. */
import type { Faults } from './faults.js';
import type { Prng } from './prng.js';
import type { ProcessClock, VirtualClock } from './virtual-clock.js';

/** Messages of one lane arrive in the order in which they were sent, as those of one connection do. */
export interface Lane {
  lastMs: number;
}

/** Latency of a message, at most, in ms. */
const LATENCY_MS = 4;
/** The same of a late one, in ms. */
const LATE_MS = 1_500;
const DOUBLED_MS = 300;

type Reply<T> = (answer: T | Promise<T>) => void;

export class Wire {
  private readonly clock: VirtualClock;
  private readonly prng: Prng;
  private readonly faults: () => Faults;

  constructor(clock: VirtualClock, prng: Prng, faults: () => Faults) {
    this.clock = clock;
    this.prng = prng;
    this.faults = faults;
  }

  /** One message, one way. */
  send(place: string, from: ProcessClock, to: ProcessClock, act: () => void): void {
    if (!from.online || this.faults().strikes(place, 'lost')) return;
    const arrive = (): void => {
      if (to.online) to.deliver(act);
    };
    const delayMs = this.delayMs(place);
    this.clock.after(delayMs, arrive);
    if (this.faults().strikes(place, 'doubled'))
      this.clock.after(delayMs + this.prng.between(0, DOUBLED_MS), arrive);
  }

  /** Asks a server, which acts as long as anything reaches it. Rejects when no answer comes in time. */
  ask<T>(
    place: string,
    from: ProcessClock,
    timeoutMs: number,
    act: () => T | Promise<T>,
    lane?: Lane,
  ): Promise<T> {
    return this.exchange<T>(place, from, timeoutMs, lane, (reply) => {
      // A throw is an answer too.
      reply(new Promise((resolve) => resolve(act())));
    });
  }

  /** Asks other processes; the first answer counts. Rejects when none comes in time. */
  request<T>(
    place: string,
    from: ProcessClock,
    to: readonly ProcessClock[],
    timeoutMs: number,
    act: (to: ProcessClock) => T | Promise<T>,
  ): Promise<T> {
    return this.exchange<T>(place, from, timeoutMs, undefined, (reply) => {
      for (const one of to)
        if (one.online)
          one.deliver(() => {
            const answer = act(one);
            reply(Promise.resolve(answer).then((value) => (one.online ? value : NEVER)));
          });
    });
  }

  private exchange<T>(
    place: string,
    from: ProcessClock,
    timeoutMs: number,
    lane: Lane | undefined,
    arrive: (reply: Reply<T>) => void,
  ): Promise<T> {
    const faults = this.faults();
    return new Promise((resolve, reject) => {
      const cancel = from.after(timeoutMs, () => reject(new Error(`${place}: no answer`)));
      const settle = (then: () => void): void => {
        this.clock.after(this.prng.between(0, LATENCY_MS), () => {
          if (!from.online) return;
          from.deliver(() => {
            cancel();
            then();
          });
        });
      };
      if (!from.online || faults.strikes(place, 'lost')) return;
      if (faults.strikes(place, 'failed')) {
        settle(() => reject(new Error(`${place}: failed`)));
        return;
      }
      const silent = faults.strikes(place, 'unanswered');
      const reply: Reply<T> = (answer) => {
        void Promise.resolve(answer).then(
          (value) => silent || settle(() => resolve(value)),
          (error: Error) => silent || settle(() => reject(error)),
        );
      };
      const delayMs = this.inLane(this.delayMs(place), lane);
      this.clock.after(delayMs, () => arrive(reply));
      if (faults.strikes(place, 'doubled'))
        this.clock.after(delayMs + this.prng.between(0, DOUBLED_MS), () => arrive(() => undefined));
    });
  }

  private delayMs(place: string): number {
    return this.faults().strikes(place, 'late')
      ? this.prng.between(LATENCY_MS, LATE_MS)
      : this.prng.between(0, LATENCY_MS);
  }

  private inLane(delayMs: number, lane: Lane | undefined): number {
    if (lane === undefined) return delayMs;
    lane.lastMs = Math.max(lane.lastMs, this.clock.nowMs() + delayMs);
    return lane.lastMs - this.clock.nowMs();
  }
}

const NEVER = new Promise<never>(() => undefined);
