/**
 * How a reign begins: `elected` is appended behind all that this replica has folded.
 *
 * The append is fenced by the sequence alone: nothing else of this replica is in flight, so whoever stands there is
 * somebody else, and has been elected first.
 */
import type { Epoch } from '@zerofleet/model';
import { encodeCommit, LEDGER_FORMAT, type Commit, type LedgerFormat } from '@zerofleet/protocol';
import type { AppendResult, LedgerPort } from './ports.js';

/**
 * The id of a commit's message. Batch 0 of an epoch is its `elected`. `leader` is unique to one try of one replica: two
 * that try for the same epoch must not look like one that repeats itself.
 */
export const commitId = (epoch: Epoch, leader: string, batch: number): string =>
  `${epoch}.${leader}.${batch}`;

export interface Candidacy {
  readonly epoch: Epoch;
  /** Unique to this try, without dots or spaces. */
  readonly leader: string;
  /** The sequence that this replica has folded up to. */
  readonly tailSeq: number;
  readonly projected: number;
  /** The format that the ledger is written in. */
  readonly format: LedgerFormat;
  readonly atMs: number;
}

/** Appends `elected`; `stored` makes this replica the leader of its epoch. */
export const stand = (ledger: LedgerPort, candidacy: Candidacy): Promise<AppendResult> => {
  const { epoch, leader, tailSeq, projected, format, atMs } = candidacy;
  const commit: Commit = {
    v: format,
    epoch,
    batch: 0,
    atMs,
    projected,
    events: [{ kind: 'elected', epoch, leader, format: LEDGER_FORMAT }],
  };
  return ledger.append(encodeCommit(commit), commitId(epoch, leader, 0), { lastSeq: tailSeq, lastId: null });
};
