/** The auditor must see each kind of fault, or its silence means nothing. */
import { describe, expect, it } from 'vitest';
import { audit, faultsOf, type Evidence } from './audit.js';

const CLEAN: Evidence = {
  accepted: [
    { n: 0, id: 'a' },
    { n: 1, id: 'b' },
  ],
  outcomes: [
    { id: 'a', ledgerSeq: 5, kind: 'succeeded', text: 'job 0' },
    { id: 'b', ledgerSeq: 5, kind: 'succeeded', text: 'job 1' },
  ],
  finished: [{ id: 'b', ledgerSeq: 5 }],
  api: new Map([
    ['a', { stage: 'succeeded', text: 'job 0' }],
    ['b', { stage: 'succeeded', text: 'job 1' }],
  ]),
  attempts: [
    { id: 'a', attempt: 1, boot: 'x' },
    { id: 'b', attempt: 1, boot: 'dead' },
    { id: 'b', attempt: 2, boot: 'x' },
  ],
  killed: new Set(['dead']),
};

const faults = (change: Partial<Evidence>): readonly string[] => faultsOf(audit({ ...CLEAN, ...change }));

describe('audit', () => {
  it('finds nothing where nothing is wrong, and counts an attempt lost with its worker', () => {
    expect(faults({})).toEqual([]);
    expect(audit(CLEAN)).toMatchObject({ accepted: 2, outcomes: 2, attempts: 3, repeated: 1 });
  });

  it.each<[string, Partial<Evidence>, string]>([
    ['an outcome is missing', { outcomes: CLEAN.outcomes.slice(1), finished: [] }, 'lost: job 0, a'],
    ['the API does not know a job', { api: new Map([...CLEAN.api, ['a', undefined]]) }, 'lost: job 0, a'],
    [
      'a job has two outcomes',
      { outcomes: [...CLEAN.outcomes, { id: 'a', ledgerSeq: 6, kind: 'succeeded', text: 'job 0' }] },
      'doubled: a at 5, 6',
    ],
    ['the ledger holds another one', { finished: [{ id: 'a', ledgerSeq: 7 }] }, 'doubled: a at 5, 7'],
    [
      'one commit holds two',
      {
        finished: [
          { id: 'b', ledgerSeq: 5 },
          { id: 'b', ledgerSeq: 5 },
        ],
      },
      'doubled: b at 5, 5',
    ],
    [
      'a key was answered with two jobs',
      { accepted: [...CLEAN.accepted, { n: 1, id: 'a' }] },
      'keys: key 1 was answered with b and a',
    ],
    [
      'a key gave a job that the client never heard of',
      { outcomes: [...CLEAN.outcomes, { id: 'c', ledgerSeq: 6, kind: 'succeeded', text: 'job 1' }] },
      "keys: 'job 1' is b and c",
    ],
    [
      'an outcome is another one than at the API',
      { api: new Map([...CLEAN.api, ['a', { stage: 'failed', text: undefined }]]) },
      'wrong: a: the API says failed, ',
    ],
    [
      'an attempt follows one that was not killed',
      { attempts: [...CLEAN.attempts, { id: 'a', attempt: 2, boot: 'y' }] },
      'strayAttempts: a, attempt 2 at y: attempt 1 at x was not killed',
    ],
    [
      'an attempt began twice',
      { attempts: [...CLEAN.attempts, { id: 'a', attempt: 1, boot: 'x' }] },
      'strayAttempts: a, attempt 1 at x began twice',
    ],
    [
      'a job with an outcome never began',
      { attempts: CLEAN.attempts.slice(1) },
      'strayAttempts: a never began',
    ],
  ])('fails where %s', (_name, change, fault) => {
    expect(faults(change)).toContain(fault);
  });
});
