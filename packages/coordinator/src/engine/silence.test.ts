import { describe, expect, it } from 'vitest';
import { Silence, STALL_MS } from './silence.js';

const LIMIT = 6_000;
const TICK = 500;

describe('silence', () => {
  it('means lost only when it is longer than the limit', () => {
    const silence = new Silence(LIMIT, TICK, 0);
    expect(silence.isLost(1_000, 1_000 + LIMIT)).toBe(false);
    expect(silence.isLost(1_000, 1_001 + LIMIT)).toBe(true);
  });

  it('counts from the time the leader could hear, not from before', () => {
    const silence = new Silence(LIMIT, TICK, 10_000);
    expect(silence.isLost(0, 10_000 + LIMIT)).toBe(false);
    expect(silence.isLost(0, 10_001 + LIMIT)).toBe(true);
  });

  it('says nothing while the link is down, and begins anew when it is back', () => {
    const silence = new Silence(LIMIT, TICK, 0);
    silence.linkChanged(false, 1_000);
    expect(silence.isLost(0, 1_000_000)).toBe(false);
    silence.linkChanged(true, 1_000_000);
    expect(silence.isLost(0, 1_000_000 + LIMIT)).toBe(false);
    expect(silence.isLost(0, 1_000_001 + LIMIT)).toBe(true);
  });

  it("begins anew after a stall of the leader's own, and not after a tick that is merely late", () => {
    const late = new Silence(LIMIT, TICK, 0);
    late.tick(TICK + STALL_MS);
    expect(late.isLost(0, LIMIT + 1)).toBe(true);
    const stalled = new Silence(LIMIT, TICK, 0);
    stalled.tick(20_000);
    expect(stalled.isLost(0, 20_000)).toBe(false);
    stalled.tick(20_000 + TICK);
    expect(stalled.isLost(0, 20_000 + LIMIT)).toBe(false);
    expect(stalled.isLost(0, 20_001 + LIMIT)).toBe(true);
  });
});
