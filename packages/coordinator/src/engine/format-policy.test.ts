import { describe, expect, it } from 'vitest';
import { FormatPolicy, SETTLE_MS } from './format-policy.js';

describe('FormatPolicy', () => {
  it('goes on in the format that it finds, and begins an empty ledger with the newest that it may write', () => {
    expect(new FormatPolicy(1, 2, 0).written(0)).toBe(1);
    expect(new FormatPolicy(2, 1, 0).written(SETTLE_MS)).toBe(2);
    expect(new FormatPolicy(undefined, 2, 0).written(0)).toBe(2);
    expect(new FormatPolicy(undefined, 1, 0).written(SETTLE_MS)).toBe(1);
  });

  it('raises it once a reign has settled, and never lowers it again', () => {
    const policy = new FormatPolicy(1, 2, 1_000);
    expect(policy.written(999 + SETTLE_MS)).toBe(1);
    expect(policy.written(1_000 + SETTLE_MS)).toBe(2);
    policy.heard('old', 1, 1_001 + SETTLE_MS);
    expect(policy.written(1_002 + SETTLE_MS)).toBe(2);
  });

  it('waits for a replica that reads the older one alone, until that is gone', () => {
    const policy = new FormatPolicy(1, 2, 0);
    policy.heard('new', 2, SETTLE_MS);
    policy.heard('old', 1, SETTLE_MS);
    expect(policy.written(SETTLE_MS)).toBe(1);
    expect(policy.written(SETTLE_MS + 10_000)).toBe(1);
    expect(policy.written(SETTLE_MS + 10_001)).toBe(2);
  });

  it('holds the older one for as long as it is told to', () => {
    expect(new FormatPolicy(1, 1, 0).written(10 * SETTLE_MS)).toBe(1);
  });
});
