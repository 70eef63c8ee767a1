import { describe, expect, it } from 'vitest';
import type { AuditResult } from './audit.js';
import { noCounts } from './connection-watch.js';
import type { Accepted, LoadResult } from './load.js';
import { judge } from './verdict.js';

const clean: AuditResult = {
  audited: 1_000,
  right: 1_000,
  doubled: 0,
  withoutOutcome: 0,
  wrong: 0,
  retried: 0,
  examples: [],
};

const load = (sent: number, refused = 0): LoadResult => ({
  offered: 1_000,
  counts: { ...noCounts(), sent, refused, accepted: sent - refused },
  accepted: Array.from({ length: sent - refused }, (_, n): Accepted => [n, String(n)]),
  unreadable: 0,
  statuses: {},
  latency: { raw: '', corrected: '' },
});

describe('judge', () => {
  it('passes a run within its limits', () => {
    expect(judge(load(980, 0), clean)).toEqual({ verdict: 'PASS', reasons: [] });
    expect(judge(load(1_000, 1), clean).verdict).toBe('PASS');
  });

  it('calls a run invalid whose load was not sent, or where nothing was accepted', () => {
    expect(judge(load(979), clean).verdict).toBe('INVALID');
    expect(judge(load(0), clean).verdict).toBe('INVALID');
  });

  it('fails a run with errors, and one lost job even where the load was not valid', () => {
    expect(judge(load(1_000, 2), clean).verdict).toBe('FAIL');
    expect(judge(load(500), { ...clean, withoutOutcome: 1 })).toMatchObject({ verdict: 'FAIL' });
  });
});
