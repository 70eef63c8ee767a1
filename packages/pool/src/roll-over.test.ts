/** An image takes the place of another: the new stock is there before the old one goes, and nobody waits for it. */
import { describe, expect, it } from 'vitest';
import type { PoolSpec } from '@zerofleet/model';
import { ADAPTIVE, Hand } from './hand.test.helper.js';
import { specOf } from './world.test.helper.js';

const OLD = specOf('tools@1', 100);
const NEW = specOf('tools@2', 100);
const OTHER = specOf('other@1', 100);
const warm = (hand: Hand): [number, number] => [hand.of('warm', OLD).length, hand.of('warm', NEW).length];

/** A pool with three of the old image in stock, which is told of the new one. */
const rolled = (budgetMiB: number): Hand => {
  const hand = new Hand({ budgetMiB });
  hand.stock([OLD, 3, 'echo']);
  hand.fill();
  hand.look();
  hand.stock([NEW, 3, 'echo']);
  return hand;
};

describe('a new image', () => {
  it('is stocked while the old stock stands, and ends one of it for each that stands', () => {
    const hand = rolled(1_000);
    expect(hand.look()).toEqual(['start tools@2', 'start tools@2', 'start tools@2']);
    const steps = [warm(hand)];
    for (const member of hand.of('starting')) {
      hand.pool.ready(member, hand.nowMs);
      hand.plan();
      steps.push(warm(hand));
    }
    expect(steps).toEqual([
      [3, 0],
      [2, 1],
      [1, 2],
      [0, 3],
    ]);
  });

  it('takes the memory of the old one, one by one, where there is no more', () => {
    const hand = rolled(300);
    const steps = [warm(hand)];
    while (hand.of('stopping').length > 0) {
      expect(hand.of('stopping').length).toBe(1);
      hand.gone();
      hand.nowMs += 1;
      hand.ready();
      steps.push(warm(hand));
    }
    expect(steps).toEqual([
      [2, 0],
      [1, 1],
      [0, 2],
      [0, 3],
    ]);
  });

  it('leaves jobs that were admitted with the old one to it', () => {
    const hand = rolled(1_000);
    expect(hand.take(OLD, 'ada').shelf.spec).toBe(OLD);
    hand.live(120_000);
    expect(warm(hand)).toEqual([0, 3]);
    hand.claim(OLD, 'bob');
    hand.ready();
    expect(hand.of('busy', OLD).length).toBe(2);
  });

  it('and the one before it change places again when it is rolled back', () => {
    const hand = rolled(1_000);
    hand.live(120_000);
    hand.stock([OLD, 3, 'echo']);
    hand.live(120_000);
    expect(warm(hand)).toEqual([3, 0]);
  });

  it('of one of two tools leaves the other tool its stock', () => {
    const hand = new Hand();
    hand.stock([OLD, 2, 'echo', 'cat']);
    hand.fill();
    hand.stock([OLD, 2, 'echo'], [NEW, 2, 'cat']);
    hand.live(120_000);
    expect(warm(hand)).toEqual([2, 2]);
  });

  it('of another shape is no heir, and the old stock goes at its own pace', () => {
    const hand = new Hand({ budgetMiB: 2_000 });
    hand.stock([OLD, 2, 'echo']);
    hand.fill();
    hand.stock([specOf('tools@2', 200), 2, 'echo']);
    hand.live(30_000);
    expect(hand.of('warm', OLD).length).toBe(2);
    hand.live(60_000);
    expect(hand.of('warm', OLD).length).toBe(0);
  });

  it('saves the sessions of the old one when they are idle for a minute', () => {
    const hand = new Hand();
    hand.stock([OLD, 1, 'echo']);
    hand.fill();
    const member = hand.take(OLD, 'ada', { session: 's' });
    hand.release(member, 'keep');
    hand.fill();
    hand.stock([NEW, 1, 'echo']);
    hand.fill();
    hand.look();
    hand.pass(59_000);
    expect(hand.look().filter((word) => word.includes('save'))).toEqual([]);
    hand.pass(1_000);
    expect(hand.look()).toContain(`stop ${member.id} rolled save s`);
  });

  it('is ready for jobs that come as fast as they came to the old one', () => {
    const hand = new Hand({ ...ADAPTIVE, budgetMiB: 10_000 });
    hand.stock([OLD, 1, 'echo']);
    hand.fill();
    let misses = 0;
    const jobs = (image: PoolSpec, ms: number): void => {
      for (const untilMs = hand.nowMs + ms; hand.nowMs < untilMs; hand.live(250)) {
        const answer = hand.claim(image, `t${hand.nowMs}`);
        if (answer.kind === 'waiting') misses += 1;
        for (const member of hand.of('busy')) hand.release(member, 'end');
      }
    };
    jobs(OLD, 60_000);
    misses = 0;
    hand.stock([NEW, 1, 'echo']);
    jobs(OLD, 180_000);
    expect(hand.of('warm', NEW).length).toBe(hand.of('warm', OLD).length);
    expect(hand.of('warm', NEW).length).toBeGreaterThan(2);
    jobs(NEW, 60_000);
    expect(misses).toBe(0);
  });

  it('takes over as much as the old one held by demand', () => {
    const hand = new Hand({ ...ADAPTIVE, budgetMiB: 10_000 });
    hand.stock([OLD, 1, 'echo']);
    hand.fill();
    for (let n = 0; n < 6; n += 1) hand.claim(OLD, `t${n}`);
    hand.fill();
    const [held] = warm(hand);
    expect(held).toBe(6);
    hand.stock([NEW, 1, 'echo']);
    hand.fill();
    expect(hand.of('warm', NEW).length).toBe(held);
  });

  it('that only jobs tell of is stocked as the other one of its tool is', () => {
    const hand = new Hand();
    hand.stock([OLD, 3, 'echo'], [OTHER, 0, 'cat']);
    hand.fill();
    hand.take(OLD, 'ada', { tool: 'echo' as never });
    hand.fill();
    hand.claim(NEW, 'ada', { tool: 'echo' as never });
    hand.fill();
    expect(warm(hand)).toEqual([3, 3]);
  });
});
