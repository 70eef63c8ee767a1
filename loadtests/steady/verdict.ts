/** PASS, FAIL or INVALID. INVALID is a run that says nothing about the fleet: it is neither good nor bad. */
import type { AuditResult } from './audit.js';
import type { LoadResult } from './load.js';

/** Share of the offered requests that may not have been sent. */
export const OMITTED_SHARE_MAX = 0.02;
/** Share of the sent requests that may have been refused, timed out or broken. */
export const ERROR_SHARE_MAX = 0.001;

export interface Verdict {
  readonly verdict: 'PASS' | 'FAIL' | 'INVALID';
  readonly reasons: readonly string[];
}

/** Requests that the plan offers and that were never sent. */
export const omittedOf = ({ offered, counts }: LoadResult): number => Math.max(0, offered - counts.sent);

/** Requests that were sent and not accepted, those apart that the end of the run cut off. */
export const errorsOf = ({ counts, unreadable }: LoadResult): number =>
  counts.refused + counts.timedOut + counts.broken + unreadable;

/** The verdict on a run. A job that was lost or went wrong is a FAIL even where the load was not valid. */
export const judge = (load: LoadResult, audit: AuditResult): Verdict => {
  const broken = [
    [audit.doubled, 'ids were given twice'],
    [audit.withoutOutcome, 'accepted jobs have no outcome'],
    [audit.wrong, 'accepted jobs have a wrong outcome'],
  ] as const;
  const failures = broken.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  if (failures.length > 0) return { verdict: 'FAIL', reasons: failures };
  if (load.accepted.length === 0) return { verdict: 'INVALID', reasons: ['no job was accepted'] };
  const omitted = omittedOf(load) / load.offered;
  if (omitted > OMITTED_SHARE_MAX)
    return {
      verdict: 'INVALID',
      reasons: [`${percent(omitted)} of the load was not sent, above ${percent(OMITTED_SHARE_MAX)}`],
    };
  const errors = errorsOf(load) / load.counts.sent;
  if (errors > ERROR_SHARE_MAX)
    return {
      verdict: 'FAIL',
      reasons: [`${percent(errors)} of the submissions failed, above ${percent(ERROR_SHARE_MAX)}`],
    };
  return { verdict: 'PASS', reasons: [] };
};

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
