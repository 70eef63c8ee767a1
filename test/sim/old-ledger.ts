/** The ledger as the release before reads and writes it. */
import type { LedgerPort } from '@zerofleet/coordinator';
import { decodeCommit, type Commit } from '@zerofleet/protocol';
import { readCommitOne, writeCommitOne } from '../upgrade/format-one/reader.js';

/** A message as that release understands it. Throws where it does not. */
export const understood = (seq: number, bytes: Uint8Array): Commit => {
  const one = readCommitOne(bytes);
  const commit = one === undefined ? undefined : decodeCommit(writeCommitOne(one));
  if (commit?.ok !== true) throw new Error(`ledger message ${seq} cannot be read by the release before`);
  return commit.value;
};

/** `ledger` for an engine of this release that plays one of that release; `acts` hears of each read and append. */
export const oldLedger = (ledger: LedgerPort, acts: () => void): LedgerPort => {
  const own: Pick<LedgerPort, 'append' | 'read'> = {
    append: (bytes, id, fence) => {
      acts();
      const commit = readCommitOne(bytes);
      if (commit === undefined) throw new Error(`that release never wrote ${Buffer.from(bytes).toString()}`);
      return ledger.append(writeCommitOne(commit), id, fence);
    },
    read: (fromSeq, take) => {
      acts();
      return ledger.read(fromSeq, take);
    },
  };
  return Object.assign(Object.create(ledger) as LedgerPort, own);
};
