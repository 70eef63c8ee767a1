import type { LeaderPong } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { describe, expect, it } from 'vitest';
import { LeaderWatch, LEADER_SILENCE_MS } from './leader-watch.js';
import type { LeaderPort } from './ports.js';

const PONG: LeaderPong = { v: 1, leader: 'l', epoch: 1 };

/** A standby whose time passes by hand, and a line that answers as it is told to. */
class Bench {
  nowMs = 0;
  answer: LeaderPong | 'nobody' | 'silent' = PONG;
  connected = true;
  old = false;
  stands = 0;
  readonly asked: ('ping' | 'probe')[] = [];
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  readonly watch = new LeaderWatch({
    line: {
      ping: () => this.say('ping'),
      probe: () => this.say('probe').then((answer) => (typeof answer === 'object' ? 'there' : answer)),
    } as Partial<LeaderPort> as LeaderPort,
    clock: {
      nowMs: () => this.nowMs,
      after: (ms, fire) => {
        this.timers.push({ atMs: this.nowMs + ms, fire });
        return () => undefined;
      },
    } as Partial<Clock> as Clock,
    replica: 'r',
    random: () => 0.5,
    isConnected: () => this.connected,
    isOld: () => this.old,
  });

  begin(): this {
    void this.watch.vacant().then(() => (this.stands += 1));
    return this;
  }

  /** Lets `ms` pass; resolves to whether it is time to stand. */
  async pass(ms: number): Promise<boolean> {
    for (const endMs = this.nowMs + ms; ;) {
      await new Promise((resolve) => setImmediate(resolve));
      this.timers.sort((a, b) => a.atMs - b.atMs);
      const [next] = this.timers;
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = endMs;
        return this.stands > 0;
      }
      this.timers.shift();
      this.nowMs = next.atMs;
      next.fire();
    }
  }

  private say(what: 'ping' | 'probe'): Promise<LeaderPong | 'nobody' | 'silent'> {
    this.asked.push(what);
    return Promise.resolve(this.answer);
  }
}

describe('LeaderWatch', () => {
  it('stands back while a leader answers', async () => {
    const bench = new Bench().begin();
    expect(await bench.pass(60_000)).toBe(false);
    expect(bench.watch.hasLeader).toBe(true);
  });

  it('stands at once when nobody listens as leader, after asking twice', async () => {
    const bench = new Bench().begin();
    await bench.pass(1_000);
    bench.answer = 'nobody';
    expect(await bench.pass(300)).toBe(true);
    expect(bench.watch.hasLeader).toBe(false);
  });

  it('does not stand when somebody else was quicker', async () => {
    const bench = new Bench().begin();
    await bench.pass(149);
    bench.answer = 'nobody';
    await bench.pass(20);
    bench.answer = PONG;
    expect(await bench.pass(10_000)).toBe(false);
  });

  it('waits out the silence of a leader that listens', async () => {
    const bench = new Bench().begin();
    await bench.pass(1_000);
    bench.answer = 'silent';
    expect(await bench.pass(LEADER_SILENCE_MS - 200)).toBe(false);
    expect(await bench.pass(600)).toBe(true);
  });

  it('never stands while its own connection is down, nor counts that time as silence', async () => {
    const bench = new Bench().begin();
    await bench.pass(1_000);
    bench.connected = false;
    bench.answer = 'silent';
    expect(await bench.pass(60_000)).toBe(false);
    bench.connected = true;
    expect(await bench.pass(LEADER_SILENCE_MS - 200)).toBe(false);
    expect(await bench.pass(600)).toBe(true);
  });

  it('gives a reign that has just begun time to begin, and none to one of long ago', async () => {
    for (const [agoMs, stands] of [
      [0, false],
      [5_000, true],
    ] as const) {
      const bench = new Bench();
      bench.answer = 'nobody';
      bench.nowMs = 10_000;
      bench.watch.elected(agoMs);
      bench.begin();
      expect(await bench.pass(700)).toBe(stands);
      expect(await bench.pass(1_000)).toBe(true);
    }
  });

  it('looks for a leader of the release before where that one listens', async () => {
    const bench = new Bench();
    bench.old = true;
    bench.begin();
    expect(await bench.pass(10_000)).toBe(false);
    expect(new Set(bench.asked)).toEqual(new Set(['probe']));
    expect(bench.asked.length).toBeLessThan(12);
    bench.answer = 'nobody';
    expect(await bench.pass(1_500)).toBe(true);
  });

  it('ends when it is stopped', async () => {
    const bench = new Bench().begin();
    bench.watch.stop();
    expect(await bench.pass(1_000)).toBe(true);
    expect(bench.asked.length).toBeLessThan(3);
  });
});
