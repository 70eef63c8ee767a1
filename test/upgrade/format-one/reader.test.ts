/** What the frozen reader takes and what it does not: an oracle that takes everything proves nothing. */
import { describe, expect, it } from 'vitest';
import { encodeOutcomes } from '@zerofleet/protocol';
import { readCommitOne, readOutcomeOne } from './reader.js';

describe('the frozen reader', () => {
  const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const commit = { v: 1, epoch: 1, batch: 1, atMs: 5, events: [] as unknown[] };
  const id = '0192f3a0-0000-7000-8000-000000000001';

  it('passes over fields that it does not know', () => {
    const events = [{ kind: 'elected', epoch: 1, leader: 'me', format: 2 }];
    expect(readCommitOne(bytesOf({ ...commit, projected: 7, events }))).toBeDefined();
  });

  it.each([
    ['of format 2', { ...commit, v: 2, projected: 0, templates: [] }],
    ['with a job that was carried', { ...commit, events: [{ kind: 'carried', id }] }],
    ['with parked jobs', { ...commit, events: [{ kind: 'parked', page: 1, ids: [id] }] }],
    ['with a retry', { ...commit, events: [{ kind: 'requeued', id, attempt: 1, reason: 'retry' }] }],
    [
      'with a job that expired',
      {
        ...commit,
        events: [{ kind: 'finished', id, attempt: 0, outcome: { kind: 'expired', report: null } }],
      },
    ],
    ['without its events', { ...commit, events: undefined }],
    ['with an id that is none', { ...commit, events: [{ kind: 'cancel_requested', id: 'x' }] }],
  ])('does not read a commit %s', (_what, value) => {
    expect(readCommitOne(bytesOf(commit))).toBeDefined();
    expect(readCommitOne(bytesOf(value))).toBeUndefined();
  });

  it('does not read a message of many outcomes', () => {
    const [bytes] = encodeOutcomes({ ledgerSeq: 1, outcomes: [] }, 2);
    expect(readOutcomeOne(bytes as Uint8Array)).toBeUndefined();
  });
});
