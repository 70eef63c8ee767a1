import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseBootId,
  parseContainerId,
  parseJobId,
  parseShardId,
  parseTenantId,
  parseToolName,
  parseWorkerId,
} from './index.js';

const PARSERS = [
  parseTenantId,
  parseJobId,
  parseToolName,
  parseWorkerId,
  parseBootId,
  parseShardId,
  parseContainerId,
];
const UUID = '0192f3a0-0000-7000-8000-000000000001';

describe('ids', () => {
  it.each([
    [parseTenantId, ['a', '0', 'team-7', 'a'.repeat(63)], ['', '-a', 'A', 'a_b', 'a'.repeat(64)]],
    [parseWorkerId, ['w1'], ['W1', 'w 1']],
    [parseJobId, [UUID], [UUID.toUpperCase(), UUID.slice(1), `${UUID}0`, UUID.replaceAll('-', '')]],
    [parseBootId, [UUID], [`${UUID}\n`]],
    [parseToolName, ['echo', 'code_execution', 'a'.repeat(64)], ['1a', '_a', 'a-b', 'a'.repeat(65)]],
    [parseShardId, ['s0', '0', 'a'.repeat(16)], ['', 's-0', 'S0', 'a'.repeat(17)]],
    [parseContainerId, ['abc123', 'a'.repeat(64), 'zf_w-1'], ['abc12', '-bc123', 'a'.repeat(65)]],
  ])('are taken and refused by their rules (%#)', (parse, good, bad) => {
    for (const text of good) expect(parse(text)).toBe(text);
    for (const text of bad) expect(parse(text)).toBeUndefined();
  });

  it('never hold what would change the meaning of a subject or a path', () => {
    const unit = fc.constantFrom('a', '0', '-', '_', '.', '*', '>', ' ', '/', '\\', '\n', '\0', 'é');
    const text = fc.string({ unit, minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(text, (one) => {
        for (const parse of PARSERS) expect(parse(one) ?? '').toMatch(/^[A-Za-z0-9_-]*$/);
      }),
      { numRuns: 500 },
    );
  });
});
