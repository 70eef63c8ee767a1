/** Which failures rest a pool, for how long, and who hears of it. */
import { describe, expect, it } from 'vitest';
import type { TenantId } from '@zerofleet/model';
import { BACKOFF_MAX_MS, backoffMs, Breaker } from './breaker.js';
import { Hand } from './hand.test.helper.js';
import { specOf } from './world.test.helper.js';

const A = specOf('a', 100);
const tenant = (n: number): TenantId => `t${n}` as TenantId;

/** Fails `times` in a row, each time when it may start again; the time after the last one. */
const failing = (breaker: Breaker, times: number): number => {
  let nowMs = 1;
  for (let n = 1; n <= times; n += 1) {
    breaker.startFailed(nowMs, nowMs + 1, 'no image');
    nowMs += 1 + backoffMs(n);
  }
  return nowMs;
};

describe('breaker', () => {
  it('rests a pool after each failed start, twice as long each time, a minute at most', () => {
    expect([0, 1, 2, 3, 7, 50].map(backoffMs)).toEqual([0, 1_000, 2_000, 4_000, 60_000, BACKOFF_MAX_MS]);
    const breaker = new Breaker();
    breaker.startFailed(0, 10, 'no image');
    expect([breaker.mayStart(1_009, 0), breaker.mayStart(1_010, 0), breaker.mayStart(1_010, 1)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(breaker.state(10)).toBe('closed');
  });

  it('counts starts that failed together once', () => {
    const breaker = new Breaker();
    for (let n = 0; n < 8; n += 1) breaker.startFailed(0, 10 + n, 'no engine');
    expect(breaker.mayStart(1_020, 0)).toBe(true);
  });

  it('opens after five in a row, is half open after the rest, and closes with the first success', () => {
    const breaker = new Breaker();
    const nowMs = failing(breaker, 5);
    expect([breaker.state(nowMs - 1), breaker.reason]).toEqual(['open', 'no image']);
    expect([breaker.state(nowMs), breaker.mayStart(nowMs, 0), breaker.mayStart(nowMs, 1)]).toEqual([
      'half',
      true,
      false,
    ]);
    breaker.started(nowMs, nowMs + 1);
    expect([breaker.state(nowMs + 1), breaker.mayStart(nowMs + 1, 1), breaker.reason]).toEqual([
      'closed',
      true,
      undefined,
    ]);
  });

  it('opens again at a failure while it is half open', () => {
    const breaker = new Breaker();
    const nowMs = failing(breaker, 5);
    breaker.startFailed(nowMs, nowMs + 1, 'no image');
    expect(breaker.state(nowMs + 2)).toBe('open');
  });

  it('opens when containers die that nobody used, and sooner the next time', () => {
    const breaker = new Breaker();
    for (let n = 0; n < 4; n += 1) breaker.died(undefined, n * 1_000, 'it died');
    expect(breaker.state(4_000)).toBe('closed');
    breaker.died(undefined, 4_000, 'it died');
    expect(breaker.state(4_000)).toBe('open');
    // One that began before says nothing; one that began after lets starts go on, on trial.
    breaker.started(3_000, 4_500);
    expect(breaker.state(4_500)).toBe('open');
    breaker.started(5_000, 5_100);
    expect(breaker.state(5_100)).toBe('closed');
    breaker.died(undefined, 5_200, 'it died');
    expect([breaker.state(7_199), breaker.state(7_200)]).toEqual(['open', 'half']);
  });

  it('forgets deaths after a minute', () => {
    const breaker = new Breaker();
    for (let n = 0; n < 20; n += 1) breaker.died(undefined, n * 20_000, 'it died');
    expect(breaker.state(400_000)).toBe('closed');
  });

  it('is opened by no tenant alone, and by many', () => {
    const breaker = new Breaker();
    for (let n = 0; n < 50; n += 1) breaker.died(tenant(1), n, 'it died');
    expect(breaker.state(50)).toBe('closed');
    for (let n = 2; n <= 5; n += 1) breaker.died(tenant(n), 60, 'it died');
    expect(breaker.state(60)).toBe('open');
  });
});

describe('a pool whose containers fail', () => {
  const broken = (): Hand => {
    const hand = new Hand();
    hand.claim(A, 'ada');
    for (let n = 1; n <= 5; n += 1) {
      hand.fail('no image');
      hand.pass(backoffMs(n));
    }
    return hand;
  };

  it('lets its jobs wait at first, and then tells them why, also those that come later', () => {
    const hand = new Hand();
    hand.claim(A, 'ada');
    for (let n = 1; n <= 4; n += 1) {
      hand.fail('no image');
      hand.pass(backoffMs(n));
    }
    expect(hand.look().every((word) => word === 'start a')).toBe(true);
    hand.fail('no image');
    expect(hand.look()).toEqual(['refuse ada: no image']);
    expect(hand.claim(A, 'bob')).toMatchObject({ kind: 'waiting', why: 'breaker' });
    expect(hand.look()).toEqual(['refuse bob: no image']);
  });

  it('tries one when a job comes after the rest, and serves all with it once it stands', () => {
    const hand = broken();
    hand.look();
    for (const name of ['ada', 'bob', 'carol']) hand.claim(A, name);
    expect(hand.look()).toEqual(['start a']);
    hand.ready();
    expect(hand.look()).toEqual(['give c6 to ada warm', 'start a', 'start a']);
  });

  it('tries one for its stock too, so that it heals where nobody waits', () => {
    const hand = broken();
    hand.look();
    hand.stock([A, 2]);
    expect(hand.look()).toEqual(['start a']);
    hand.ready();
    expect(hand.look()).toEqual(['start a']);
  });

  it('still gives what stands ready', () => {
    const hand = new Hand();
    hand.stock([A, 2]);
    hand.fill();
    const [first] = hand.of('warm');
    for (let n = 0; n < 5; n += 1) {
      for (const member of hand.of('warm'))
        if (member !== first) hand.pool.died(member, 'died', 'it died', hand.nowMs);
      hand.gone();
      hand.fill();
    }
    expect(hand.claim(A, 'ada')).toMatchObject({ kind: 'given', member: { id: first?.id } });
    hand.claim(A, 'bob');
    expect(hand.look().at(-1)).toBe('refuse bob: it died');
  });

  it('does not take what jobs do to their containers for its own', () => {
    const hand = new Hand();
    hand.stock([A, 6]);
    hand.fill();
    for (const name of ['t1', 't2', 't3', 't4', 't5', 't6'])
      hand.pool.died(hand.take(A, name), 'died', 'killed', hand.nowMs);
    const [shelf] = hand.pool.shelves;
    expect([shelf?.breaker.state(hand.nowMs), shelf?.failures]).toEqual(['closed', 0]);
  });

  it('does not take the end of its engine for its own', () => {
    const hand = new Hand();
    hand.stock([A, 6]);
    hand.fill();
    for (const member of hand.of('warm')) hand.pool.died(member, 'engine', 'the broker was lost', hand.nowMs);
    hand.gone();
    hand.fill();
    expect(hand.of('warm').length).toBe(6);
  });
});
