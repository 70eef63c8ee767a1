/** Outcomes that this release writes while one before it may be around, as that release reads them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeOutcomes, encodeOutcomes } from '@zerofleet/protocol';
import { count, oldRecord } from './arbitrary.js';
import { readOutcomeOne, type EnvelopeOne } from './reader.js';

describe('an outcome that is written in format 1', () => {
  it('is a message a job, which the release before reads with the same meaning', () => {
    fc.assert(
      fc.property(count, fc.array(oldRecord, { maxLength: 3 }), (ledgerSeq, outcomes) => {
        const messages = encodeOutcomes({ ledgerSeq, outcomes }, 1);
        expect(messages).toHaveLength(outcomes.length);
        for (const [index, bytes] of messages.entries()) {
          const { job, ...ending } = outcomes[index] as (typeof outcomes)[number];
          const { extras, ...head } = job;
          const envelope: Omit<EnvelopeOne, 'payload'> = { ...head, session: extras?.session ?? null };
          expect(readOutcomeOne(bytes)).toMatchObject({ v: 1, ledgerSeq, job: envelope, ...ending });
        }
      }),
    );
  });

  it('is read by this release as it was', () => {
    fc.assert(
      fc.property(count, oldRecord, (ledgerSeq, record) => {
        const [bytes] = encodeOutcomes({ ledgerSeq, outcomes: [record] }, 1);
        const parsed = decodeOutcomes(bytes as Uint8Array);
        expect(parsed).toEqual({ ok: true, value: { ledgerSeq, outcomes: [record] } });
      }),
    );
  });
});
