import { describe, expect, it } from 'vitest';
import { auditOf } from './audit.js';
import type { JobRecord } from './record.js';

const commit = (seq: number, epoch: number, batch: number) => ({ seq, epoch, batch });
const RECORD: JobRecord = {
  commits: [commit(1, 1, 0), commit(2, 1, 1), commit(3, 1, 2), commit(4, 2, 0), commit(5, 2, 1)],
  accepted: new Map([
    ['a', 1],
    ['b', 1],
  ]),
  finished: new Map([['a', 1]]),
  known: new Set(['a', 'b', 'c']),
};
const CLEAN = { lost: [], doubled: [], breaks: [] };

describe('auditOf', () => {
  it('finds nothing where everything is in order', () => {
    expect(auditOf(['a', 'b', 'c'], RECORD)).toEqual(CLEAN);
  });

  it('finds an acknowledged id that is not on record', () => {
    expect(auditOf(['a', 'd'], RECORD)).toEqual({ ...CLEAN, lost: ['d'] });
  });

  it('finds a job that was accepted or ended twice', () => {
    expect(auditOf([], { ...RECORD, accepted: new Map([['b', 2]]) }).doubled).toEqual(['b']);
    expect(auditOf([], { ...RECORD, finished: new Map([['a', 2]]) }).doubled).toEqual(['a']);
  });

  it.each([
    ['a sequence left out', commit(7, 2, 2)],
    ['a batch left out', commit(6, 2, 3)],
    ['a batch twice', commit(6, 2, 1)],
    ['an epoch that does not begin with its election', commit(6, 3, 1)],
    ['an epoch that was over', commit(6, 1, 0)],
  ])('finds %s', (_, next) => {
    expect(auditOf([], { ...RECORD, commits: [...RECORD.commits, next] }).breaks).toHaveLength(1);
  });
});
