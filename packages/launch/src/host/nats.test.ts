import { describe, expect, it } from 'vitest';
import { knowsSync } from './nats.js';

describe('knowsSync', () => {
  it.each([
    ['2.9.10', false],
    ['2.10.0', true],
    ['2.15.1', true],
    ['3.0.0', true],
    ['unknown', false],
  ])('of %s is %s', (version, expected) => {
    expect(knowsSync(version)).toBe(expected);
  });
});
