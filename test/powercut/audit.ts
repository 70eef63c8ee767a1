/** Holds a record against what clients were told. Knows nothing of how either came about. */
import type { CommitPlace, JobRecord } from './record.js';

export interface Findings {
  /** Acknowledged ids that are not on record. */
  readonly lost: readonly string[];
  /** Ids that were accepted or ended more than once. */
  readonly doubled: readonly string[];
  /** Where a ledger message does not follow from the one before it, a sentence each. */
  readonly breaks: readonly string[];
}

export const auditOf = (acknowledged: readonly string[], record: JobRecord): Findings => ({
  lost: acknowledged.filter((id) => !record.known.has(id)),
  doubled: [...twice(record.accepted), ...twice(record.finished)],
  breaks: record.commits.flatMap((commit, index) => {
    const before = record.commits[index - 1];
    return before === undefined || follows(before, commit) ? [] : [`${place(before)}, then ${place(commit)}`];
  }),
});

const twice = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts].filter(([, times]) => times > 1).map(([id]) => id);

/** The next batch of the same epoch, or batch 0 of a later one, and no sequence left out. */
const follows = (before: CommitPlace, next: CommitPlace): boolean =>
  next.seq === before.seq + 1 &&
  (next.epoch === before.epoch
    ? next.batch === before.batch + 1
    : next.epoch > before.epoch && next.batch === 0);

const place = ({ seq, epoch, batch }: CommitPlace): string => `${seq}: epoch ${epoch} batch ${batch}`;
