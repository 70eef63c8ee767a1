/**
 * The line between replicas in memory. As on the broker, whoever listens hears each question: a leader that is over and does
 * not know it answers too, and the first answer counts.
 *
 * Places of faults: `line.ping`, `line.call`, `line.probe`.
 */
import type { LeaderPort } from '@zerofleet/coordinator';
import type { LeaderCall, LeaderPing, LeaderPong, LeaderReply } from '@zerofleet/protocol';
import type { ProcessClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

type Answer = Parameters<LeaderPort['serve']>[0];

/** Who listens. */
export interface Exchange {
  /** As leader. */
  readonly leaders: Map<Answer, ProcessClock>;
  /** As leader of the release before, which listens for the ends of attempts alone. */
  readonly old: Set<ProcessClock>;
}

/** Nobody listens yet. */
export const newExchange = (): Exchange => ({ leaders: new Map(), old: new Set() });

interface Listener<T> {
  readonly at: ProcessClock;
  /** It may have stopped listening meanwhile, and what was on its way reaches nobody. */
  readonly listens: () => boolean;
  readonly answer: () => T | Promise<T>;
}

export class MemoryLine implements LeaderPort {
  private readonly exchange: Exchange;
  private readonly process: ProcessClock;
  private readonly wire: Wire;

  constructor(exchange: Exchange, process: ProcessClock, wire: Wire) {
    this.exchange = exchange;
    this.process = process;
    this.wire = wire;
  }

  ping(ping: LeaderPing, timeoutMs: number): Promise<LeaderPong | 'nobody' | 'silent'> {
    const leaders = this.leaders((leader) => leader.ping(ping));
    return this.ask('ping', timeoutMs, leaders);
  }

  call(call: LeaderCall, timeoutMs: number): Promise<LeaderReply | 'nobody' | 'silent'> {
    const leaders = this.leaders((leader) => leader.call(call));
    return this.ask('call', timeoutMs, leaders);
  }

  probe(timeoutMs: number): Promise<'there' | 'nobody' | 'silent'> {
    const { old } = this.exchange;
    const answer = (): 'there' => 'there';
    const olds = [...old].map((at) => ({ at, answer, listens: () => old.has(at) }));
    return this.ask('probe', timeoutMs, [...this.leaders(answer), ...olds]);
  }

  serve(answer: Answer): () => void {
    const { leaders } = this.exchange;
    leaders.set(answer, this.process);
    return () => void leaders.delete(answer);
  }

  private leaders<T>(act: (leader: Answer) => T | Promise<T>): readonly Listener<T>[] {
    const { leaders } = this.exchange;
    return [...leaders].map(([leader, at]) => ({
      at,
      answer: () => act(leader),
      listens: () => leaders.has(leader),
    }));
  }

  private ask<T>(
    what: string,
    timeoutMs: number,
    listeners: readonly Listener<T>[],
  ): Promise<T | 'nobody' | 'silent'> {
    const { process } = this;
    const listening = listeners.filter(({ at }) => at.online);
    if (listening.length === 0 && process.online)
      return new Promise((resolve) => process.after(1, () => resolve('nobody')));
    const answer = (at: ProcessClock): T | Promise<T> => {
      const listener = listening.find((one) => one.at === at);
      return listener?.listens() === true ? listener.answer() : new Promise(() => undefined);
    };
    const processes = listening.map(({ at }) => at);
    return this.wire.request(`line.${what}`, process, processes, timeoutMs, answer).catch(() => 'silent');
  }
}
