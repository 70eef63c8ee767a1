/**
 * The line between replicas in memory. As on the broker, whoever listens hears each question: a leader that is over and does
 * not know it answers too, and the first answer counts.
 *
 * Places of faults: `line.ping`, `line.call`.
 */
import type { LeaderPort } from '@zerofleet/coordinator';
import type { LeaderCall, LeaderPing, LeaderPong, LeaderReply } from '@zerofleet/protocol';
import type { ProcessClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

type Answer = Parameters<LeaderPort['serve']>[0];

/** Who listens as leader. */
export type Exchange = Map<Answer, ProcessClock>;

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
    return this.ask('ping', timeoutMs, (leader) => leader.ping(ping));
  }

  call(call: LeaderCall, timeoutMs: number): Promise<LeaderReply | 'nobody' | 'silent'> {
    return this.ask('call', timeoutMs, (leader) => leader.call(call));
  }

  async probe(timeoutMs: number): Promise<'there' | 'nobody' | 'silent'> {
    return this.ask('ping', timeoutMs, () => 'there' as const);
  }

  serve(answer: Answer): () => void {
    this.exchange.set(answer, this.process);
    return () => void this.exchange.delete(answer);
  }

  private ask<T>(
    what: string,
    timeoutMs: number,
    act: (leader: Answer) => T | Promise<T>,
  ): Promise<T | 'nobody' | 'silent'> {
    const { exchange, process } = this;
    const listening = [...exchange].filter(([, at]) => at.online);
    if (listening.length === 0 && process.online)
      return new Promise((resolve) => process.after(1, () => resolve('nobody')));
    const answer = (at: ProcessClock): T | Promise<T> => {
      const leader = listening.find(([, one]) => one === at)?.[0];
      // It may have stopped listening meanwhile, and what was on its way reaches nobody.
      return leader !== undefined && exchange.has(leader) ? act(leader) : new Promise(() => undefined);
    };
    return this.wire
      .request(
        `line.${what}`,
        process,
        listening.map(([, at]) => at),
        timeoutMs,
        answer,
      )
      .catch(() => 'silent');
  }
}
