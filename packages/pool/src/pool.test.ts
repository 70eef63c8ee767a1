/** What the pool does where room, starts or a pool are short. */
import { describe, expect, it } from 'vitest';
import type { TenantId, ToolName } from '@zerofleet/model';
import { ADAPTIVE, Hand } from './hand.test.helper.js';
import { policyOf } from './policy.js';
import { BreakShares } from './shares.js';
import { specOf } from './world.test.helper.js';

const A = specOf('a', 100);
const B = specOf('b', 100);
const SMALL = specOf('small', 300);
const BIG = specOf('big', 200);
const MINUTE_MS = 60_000;

describe('claims', () => {
  it("take the tenant's own container before stock, and stock before a start", () => {
    const hand = new Hand();
    hand.stock([A, 1]);
    hand.fill();
    const first = hand.claim(A, 'ada');
    if (first.kind !== 'given') throw new Error('no stock');
    hand.release(first.member);
    hand.fill();
    expect(hand.claim(A, 'ada')).toMatchObject({ how: 'reused', member: { id: first.member.id } });
    expect(hand.claim(A, 'ada')).toMatchObject({ how: 'warm' });
    expect(hand.claim(A, 'ada')).toMatchObject({ kind: 'waiting' });
  });

  it('that want a fresh one take none that ran a job', () => {
    const hand = new Hand();
    hand.stock([A, 1]);
    hand.fill();
    const used = hand.take(A, 'ada');
    hand.release(used);
    hand.fill();
    expect(hand.take(A, 'ada', { fresh: true }).id).not.toBe(used.id);
  });

  it('get what becomes ready in the order they came, and the tenant its own whoever came before', () => {
    const hand = new Hand({ startsMax: 1 });
    hand.stock();
    const starting = hand.claim(A, 'ada');
    hand.ready();
    const [used] = hand.of('busy');
    if (starting.kind !== 'waiting' || used === undefined) throw new Error('no cold start');
    hand.claim(A, 'bob');
    hand.claim(A, 'ada');
    hand.look();
    hand.release(used);
    expect(hand.look()).toEqual([`give ${used.id} to ada reused`]);
    hand.ready();
    expect(hand.look()).toEqual(['give c2 to bob warm']);
  });

  it('of more memory than there is are refused', () => {
    const hand = new Hand({ budgetMiB: 250 });
    hand.claim(SMALL, 'ada');
    expect(hand.look()).toEqual(['refuse ada: it needs 300 MiB, the worker has 250']);
  });

  it('say why they wait', () => {
    const hand = new Hand({ budgetMiB: 250, startsMax: 2 });
    const why = (spec: typeof A): unknown => {
      const answer = hand.claim(spec, 'ada');
      return answer.kind === 'waiting' ? answer.why : answer.kind;
    };
    expect([why(A), why(A), why(A)]).toEqual(['empty', 'empty', 'starts']);
    hand.ready();
    expect(why(A)).toBe('budget');
  });
});

describe('starts', () => {
  it('for a job go before all stock, and stock leaves one free for a job', () => {
    const hand = new Hand();
    hand.claim(A, 'ada');
    hand.stock([B, 5]);
    expect(hand.look()).toEqual(['start a', 'start b']);
    hand.pass(1);
    hand.ready();
    expect(hand.look()).toEqual(['give c1 to ada warm', 'start b', 'start b', 'start b']);
    expect(new Set(hand.of('starting').map((member) => member.shelf.spec))).toEqual(new Set([B]));
    hand.claim(A, 'bob');
    expect(hand.look()).toEqual(['start a']);
  });

  it('go to pools below their minimum first, of equals to the emptiest', () => {
    const hand = new Hand({ ...ADAPTIVE, startsMax: 2, budgetMiB: 10_000, refillPerS: 1e6 });
    hand.stock([A, 0], [B, 2], [BIG, 4]);
    const order: string[] = [];
    // Three at once: A wants stock by itself, above its minimum.
    for (const tenant of ['t1', 't2', 't3']) hand.claim(A, tenant);
    while (hand.of('starting').length > 0) {
      hand.pass(1);
      hand.ready();
      order.push(...hand.look().filter((word) => word.startsWith('start')));
    }
    expect(order.filter((word) => word !== 'start a')).toEqual([
      'start b',
      'start big',
      'start big',
      'start b',
      'start big',
      'start big',
    ]);
    expect(order.lastIndexOf('start b')).toBeLessThan(order.lastIndexOf('start a'));
    expect(order.slice(-2)).toEqual(['start a', 'start a']);
  });

  it('for stock are paced, starts for jobs are not', () => {
    const hand = new Hand({ refillPerS: 2, startsMax: 4, budgetMiB: 10_000 });
    hand.stock([A, 20]);
    hand.fill();
    expect(hand.of('warm').length).toBe(4);
    hand.pass(1_000);
    hand.fill();
    expect(hand.of('warm').length).toBe(6);
    for (let n = 0; n < 4; n += 1) hand.claim(B, `t${n}`);
    expect(hand.of('starting').length).toBe(4);
  });

  it('for stock leave half of the budget to jobs, unless the minimum is more', () => {
    const hand = new Hand({ ...ADAPTIVE, startsMax: 32, budgetMiB: 1_600, refillPerS: 1e6 });
    for (let n = 0; n < 16; n += 1) hand.claim(A, `t${n}`);
    hand.pass(1_000);
    hand.ready();
    expect([...hand.pool.shelves].map(({ target }) => target)).toEqual([8]);
    hand.stock([A, 12]);
    expect([...hand.pool.shelves].map(({ target }) => target)).toEqual([12]);
  });

  it('of other pools go on while a job waits for one whose starts fail', () => {
    const hand = new Hand();
    hand.claim(A, 'ada');
    hand.fail();
    hand.look();
    hand.stock([B, 2]);
    expect(hand.look()).toEqual(['start b', 'start b']);
    expect(hand.pool.waiting).toBe(1);
  });
});

describe('the time to replace a container', () => {
  const times = (hand: Hand): [number, number] => {
    const [shelf] = hand.pool.shelves;
    if (shelf === undefined) throw new Error('no pool');
    return [shelf.starts.p95Ms, shelf.leads.p95Ms];
  };
  const start = (hand: Hand): void => {
    hand.nowMs += 100;
    hand.ready();
  };

  it('counts what the wish for it waited for its turn', () => {
    const hand = new Hand({ startsMax: 2 });
    hand.stock([A, 3]);
    for (let n = 0; n < 3; n += 1) start(hand);
    expect(times(hand)).toEqual([100, 300]);
  });

  it('does not count what it waited for memory', () => {
    const hand = new Hand({ budgetMiB: 100 });
    hand.claim(B, 'ada');
    hand.ready();
    hand.stock([A, 1], [B, 0]);
    hand.live(30_000);
    const [busy] = hand.of('busy');
    if (busy !== undefined) hand.release(busy, 'end');
    hand.gone();
    start(hand);
    const shelf = [...hand.pool.shelves].find(({ spec }) => spec === A);
    expect(shelf?.leads.p95Ms).toBeLessThan(500);
  });

  it('does not count a wish that was given up', () => {
    const hand = new Hand({ startsMax: 2 });
    hand.stock([A, 2]);
    hand.stock([A, 0]);
    hand.live(200_000);
    hand.stock([A, 2]);
    start(hand);
    expect(times(hand)[1]).toBeLessThanOrEqual(500);
  });
});

describe('memory', () => {
  it('is not freed for a job that would still not fit', () => {
    const hand = new Hand({ budgetMiB: 400 });
    hand.stock();
    hand.claim(SMALL, 'ada');
    hand.ready();
    hand.claim(A, 'bob');
    hand.ready();
    const [busy, idle] = hand.of('busy');
    if (busy === undefined || idle === undefined) throw new Error('none is busy');
    hand.release(idle);
    hand.look();
    hand.claim(BIG, 'carol');
    expect(hand.look()).toEqual([]);
    hand.release(busy);
    expect(hand.look()).toEqual([`stop ${busy.id} room`]);
    hand.gone();
    expect(hand.look()).toEqual(['start big']);
  });

  it('that a job waits for goes to no job that came later', () => {
    const hand = new Hand({ budgetMiB: 400 });
    hand.claim(SMALL, 'ada');
    hand.ready();
    hand.claim(BIG, 'bob');
    hand.look();
    hand.claim(A, 'carol');
    expect(hand.look()).toEqual([]);
    const [small] = hand.of('busy');
    if (small === undefined) throw new Error('none is busy');
    hand.release(small, 'end');
    hand.gone();
    expect(hand.look()).toEqual(['start big', 'start a']);
  });

  it('is taken from idle containers first, the stalest of them, and from parked sessions last', () => {
    const hand = new Hand({ budgetMiB: 400 });
    hand.stock([B, 1]);
    hand.fill();
    const parked = hand.take(B, 'ada', { session: 's' });
    hand.release(parked, 'keep');
    hand.fill();
    const older = hand.take(B, 'bob');
    hand.fill();
    const later = hand.take(B, 'carol');
    hand.release(older);
    hand.pass(10_000);
    hand.release(later);
    hand.fill();
    const [warm] = hand.of('warm');
    expect(hand.pool.usedMiB).toBe(400);
    hand.look();
    const claims = ['t1', 't2', 't3', 't4'].map((tenant) => {
      hand.claim(A, tenant);
      const [first] = hand.look();
      hand.gone();
      hand.look();
      return first;
    });
    expect(claims).toEqual([
      `stop ${older.id} room`,
      `stop ${later.id} room`,
      `stop ${warm?.id} room`,
      `stop ${parked.id} room save s`,
    ]);
  });

  it('goes to stock that is worth more than what stands idle, and not back again', () => {
    const hand = new Hand({ ...ADAPTIVE, budgetMiB: 300, stockMax: 1 });
    const [first, second] = ['t1', 't2'].map((tenant) => {
      hand.claim(A, tenant);
      hand.live(1_000);
      return hand.of('busy').at(-1);
    });
    if (first === undefined || second === undefined) throw new Error('none is busy');
    hand.release(first);
    hand.release(second);
    hand.live(5_000);
    expect([hand.of('idle').length, hand.of('warm').length]).toEqual([2, 1]);
    hand.claim(B, 't3');
    hand.look();
    hand.live(10_000);
    // One makes room for the job, the other one for the stock that B's next job finds.
    expect(hand.of('warm').map((member) => member.shelf.spec.image)).toEqual(['a', 'b']);
    expect(hand.look().filter((word) => word.includes('stock'))).toEqual([`stop ${second.id} stock`]);
    hand.live(30_000);
    expect(hand.look()).toEqual([]);
  });

  it('is taken from idle containers of a pool whose tenants do not come again', () => {
    const hand = new Hand({ budgetMiB: 200 });
    hand.stock();
    for (let n = 0; n < 20; n += 1) {
      for (const spec of [A, B]) {
        hand.claim(spec, 'ada');
        hand.ready();
        for (const member of hand.of('busy')) hand.release(member);
        hand.live(10_000);
      }
      for (const member of hand.of('idle', B)) if (n < 19) hand.pool.end(member);
      hand.gone();
    }
    hand.look();
    hand.claim(specOf('c', 100), 'bob');
    expect(hand.look()).toEqual([`stop ${hand.of('stopping', B)[0]?.id} room`]);
  });

  it('is taken from stock of other pools, of what frees most for its worth', () => {
    const hand = new Hand({ budgetMiB: 300 });
    hand.stock([B, 1], [BIG, 1]);
    hand.fill();
    hand.look();
    hand.claim(A, 'ada');
    expect(hand.look()).toEqual([`stop ${hand.of('stopping', BIG)[0]?.id} room`]);
    const other = new Hand({ budgetMiB: 100 });
    other.stock([B, 1]);
    other.fill();
    other.look();
    other.claim(A, 'ada');
    expect(other.look()).toEqual(['stop c1 room']);
  });

  it('is not taken for stock from what is worth less, where that is too little', () => {
    const hand = new Hand({ budgetMiB: 1_100, startsMax: 12 });
    hand.stock([A, 11]);
    while (hand.of('starting').length > 0) {
      hand.nowMs += 500;
      hand.ready();
    }
    expect(hand.of('warm').length).toBe(11);
    hand.look();
    // The eleventh is worth less than the huge one for its size, the other ten are not.
    hand.stock([A, 11], [specOf('huge', 700), 1]);
    hand.live(5_000);
    expect(hand.look()).toEqual([]);
  });

  it('is shared by stock of pools that are worth the same', () => {
    const hand = new Hand({ budgetMiB: 200 });
    hand.stock([A, 2], [B, 1]);
    hand.live(5_000);
    expect(hand.of('warm').map((member) => member.shelf.spec.image)).toEqual(['a', 'b']);
    hand.look();
    hand.live(5_000);
    expect(hand.look()).toEqual([]);
  });

  it('does not go to and fro between pools that are worth nearly the same', () => {
    const hand = new Hand({ budgetMiB: 800 });
    hand.stock([A, 5], [B, 3]);
    hand.fill();
    hand.stock([A, 5], [B, 4]);
    hand.look();
    hand.live(5_000);
    expect(hand.look()).toEqual([]);
  });

  it('that is short for one pool is not kept from another that needs less', () => {
    const hand = new Hand({ budgetMiB: 350, startsMax: 2 });
    hand.claim(BIG, 'ada');
    hand.ready();
    hand.stock([SMALL, 4], [A, 1]);
    hand.live(1_000);
    expect(hand.of('warm').map((member) => member.shelf.spec.image)).toEqual(['a']);
  });

  it("of a parked session is never stock's", () => {
    const hand = new Hand({ budgetMiB: 100, sessionIdleMaxMs: 60 * MINUTE_MS });
    hand.claim(A, 'ada', { session: 's' });
    hand.ready();
    const [member] = hand.of('busy');
    if (member === undefined) throw new Error('none is busy');
    hand.release(member, 'keep');
    hand.stock([B, 4]);
    for (let n = 0; n < 100; n += 1) hand.pass(1_000);
    expect(hand.of('idle').length).toBe(1);
  });
});

describe('reuse', () => {
  it('ends after so many jobs, at an age, and when nobody comes', () => {
    const hand = new Hand({ usesMax: 2, ageMaxMs: 50_000, idleMaxMs: 20_000 });
    hand.stock([A, 1]);
    hand.fill();
    expect(hand.release(hand.take(A, 'ada'))).toBe('reset');
    expect(hand.release(hand.take(A, 'ada'))).toBe('worn');
    hand.gone();
    hand.fill();
    hand.release(hand.take(A, 'bob'));
    hand.fill();
    hand.look();
    hand.pass(19_000);
    expect(hand.look()).toEqual([]);
    hand.pass(1_000);
    expect(hand.look()).toContain('stop c2 idle');
    const old = hand.take(A, 'carol');
    hand.pass(50_000);
    expect(hand.release(old)).toBe('worn');
  });

  it('is over for a container that its job left broken', () => {
    const hand = new Hand();
    hand.stock([A, 1]);
    hand.fill();
    expect(hand.release(hand.take(A, 'ada'), 'broken')).toBe('end');
  });
});

describe('a tool that breaks its containers', () => {
  const broken = (): Hand => {
    const hand = new Hand({ breaksMax: 3, breaksPerS: 0.5, budgetMiB: 5_000 });
    hand.stock([A, 8]);
    hand.fill();
    for (let n = 0; n < 3; n += 1) {
      hand.release(hand.take(A, 'mallory'), 'broken');
      hand.gone();
      hand.fill();
    }
    return hand;
  };

  it('waits for the next one, while others do not', () => {
    const hand = broken();
    expect(hand.claim(A, 'mallory')).toMatchObject({ kind: 'waiting', why: 'share' });
    expect(hand.claim(A, 'ada')).toMatchObject({ kind: 'given' });
    expect(hand.claim(A, 'mallory', { tool: 'other' as ToolName })).toMatchObject({ kind: 'given' });
  });

  it('gets its share in time', () => {
    const hand = broken();
    hand.claim(A, 'mallory');
    hand.look();
    hand.pass(1_900);
    expect(hand.look().filter((word) => word.startsWith('give'))).toEqual([]);
    hand.pass(200);
    expect(hand.look().filter((word) => word.startsWith('give')).length).toBe(1);
  });

  it('is also one whose containers die after it, or under it', () => {
    const hand = new Hand({ breaksMax: 2, breaksPerS: 0.5 });
    hand.stock([A, 4]);
    hand.fill();
    const member = hand.take(A, 'mallory');
    hand.pool.died(member, 'died', 'gone', 0);
    const other = hand.take(A, 'mallory');
    hand.release(other);
    hand.pool.died(other, 'reset', 'gone', 0);
    expect(hand.claim(A, 'mallory')).toMatchObject({ why: 'share' });
  });
});

describe('sessions', () => {
  const parked = (settings = {}): { hand: Hand; id: string } => {
    const hand = new Hand(settings);
    hand.stock([A, 1], [B, 1]);
    hand.fill();
    const member = hand.take(A, 'ada', { session: 's' });
    hand.release(member, 'keep');
    hand.fill();
    hand.look();
    return { hand, id: member.id };
  };

  it('keep their container, and no other of any tenant gets it', () => {
    const { hand, id } = parked();
    for (const [tenant, session] of [
      ['ada', 't'],
      ['bob', 's'],
      ['ada', undefined],
    ] as const) {
      const member = hand.take(A, tenant, session === undefined ? {} : { session });
      expect(member.id).not.toBe(id);
      hand.fill();
    }
    expect(hand.claim(A, 'ada', { session: 's' })).toMatchObject({ how: 'session', member: { id } });
  });

  it('wait for their container while it runs a job or is made ready', () => {
    const { hand, id } = parked();
    const member = hand.take(A, 'ada', { session: 's' });
    expect(hand.claim(A, 'ada', { session: 's' })).toMatchObject({ kind: 'waiting', why: 'session' });
    hand.look();
    hand.release(member, 'keep');
    expect(hand.look()).toEqual([`give ${id} to ada session`]);
  });

  it('are saved before they go on in another pool, and wait for that', () => {
    const { hand, id } = parked();
    expect(hand.claim(B, 'ada', { session: 's' })).toMatchObject({ kind: 'waiting', why: 'session' });
    expect(hand.look()).toEqual([`stop ${id} moved save s`]);
    hand.gone();
    expect(hand.look()[0]).toMatch(/^give c\d+ to ada warm$/);
  });

  it('lose their container when it is not kept, also where it could serve another job of the tenant', () => {
    const { hand } = parked();
    expect(hand.release(hand.take(A, 'ada', { session: 's' }), 'again')).toBe('end');
    expect(hand.take(A, 'bob', { session: 's' }).shelf.spec).toBe(A);
  });

  it('end when nobody comes, and at their age', () => {
    const idle = parked({ sessionIdleMaxMs: 9_000 });
    idle.hand.pass(9_000);
    expect(idle.hand.look()).toEqual([`stop ${idle.id} idle save s`]);
    const old = parked({ sessionAgeMaxMs: 9_000 });
    old.hand.pass(9_000);
    expect(old.hand.look()).toEqual([`stop ${old.id} age save s`]);
  });
});

describe('a drain', () => {
  it('ends stock and idle containers, saves sessions a few at once, and serves who is here', () => {
    const hand = new Hand({ savesMax: 2, budgetMiB: 2_000 });
    hand.stock([A, 2]);
    hand.fill();
    for (const session of ['s1', 's2', 's3']) {
      hand.release(hand.take(A, 'ada', { session }), 'keep');
      hand.fill();
    }
    hand.release(hand.take(A, 'bob'));
    hand.fill();
    const busy = hand.take(A, 'carol');
    hand.fill();
    hand.look();
    hand.pool.drain();
    hand.plan();
    expect(hand.look().map((word) => word.replace(/c\d+/, 'c'))).toEqual([
      'stop c drain',
      'stop c drain',
      'stop c drain',
      'stop c drain save s1',
      'stop c drain save s2',
    ]);
    const [saving] = hand.of('stopping').filter((member) => member.saving);
    if (saving === undefined) throw new Error('none is saved');
    hand.pool.saved(saving);
    hand.plan();
    expect(hand.look().map((word) => word.replace(/c\d+/, 'c'))).toEqual(['stop c drain save s3']);
    expect(hand.release(busy)).toBe('end');
    hand.claim(A, 'dave');
    hand.ready();
    expect(hand.of('busy')).toMatchObject([{ owner: { tenant: 'dave' as TenantId } }]);
    const [last] = hand.of('busy');
    if (last !== undefined) hand.release(last);
    hand.gone();
    expect([hand.pool.members.size, hand.pool.usedMiB]).toEqual([0, 0]);
  });
});

describe('a pool that is not configured', () => {
  it('is forgotten a day after its last job, when nothing of it is left', () => {
    const hand = new Hand();
    hand.claim(A, 'ada');
    hand.ready();
    const [member] = hand.of('busy');
    if (member === undefined) throw new Error('none is busy');
    hand.pass(24 * 60 * MINUTE_MS);
    expect([...hand.pool.shelves].length).toBe(1);
    hand.release(member, 'end');
    hand.gone();
    hand.pass(MINUTE_MS);
    expect([...hand.pool.shelves].length).toBe(0);
  });

  it('is forgotten sooner where there are very many', () => {
    const hand = new Hand({ budgetMiB: 1e6, stockMax: 0 });
    for (let n = 0; n < 600; n += 1) {
      hand.claim(specOf(`image-${n}`, 1), 'ada');
      hand.ready();
      for (const member of hand.of('busy')) hand.release(member, 'end');
      hand.gone();
    }
    hand.pass(250);
    expect([...hand.pool.shelves].length).toBe(512);
  });
});

describe('those that break containers', () => {
  it('are remembered up to a number, who broke one last the longest', () => {
    const policy = policyOf({ budgetMiB: 1, startsMax: 1, breaksMax: 1, breaksPerS: 1e-9 });
    const shares = new BreakShares(policy);
    const name = (n: number): TenantId => `t${n}` as TenantId;
    const tool = 'echo' as ToolName;
    for (let n = 0; n < 4_096; n += 1) shares.broke(name(n), tool, 0);
    shares.broke(name(0), tool, 1);
    shares.broke(name(4_096), tool, 2);
    expect([0, 1, 2, 4_096].map((n) => shares.mayTake(name(n), tool, 3))).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});
