/**
 * The audit: every accepted id is looked up by itself, and must have exactly one outcome, the expected one.
 *
 * U1  The list of ids is the client's own; nothing the fleet says about itself is taken for it.
 * U2  An outcome is read twice, and must be the same both times.
 */
import { FINAL_STAGES, type JobView } from '@zerofleet/protocol';
import type { Accepted } from './load.js';
import type { Workload } from './workloads.js';

/** Look-ups in flight, at most. */
const LOOKUPS_MAX = 16;
/** Violations that are kept in words. */
const EXAMPLES_MAX = 20;

export interface AuditResult {
  readonly audited: number;
  /** Ids with exactly one outcome, the expected one. */
  readonly right: number;
  /** Ids that were given to more than one job. */
  readonly doubled: number;
  /** Ids without an outcome when the wait was over, or that the fleet does not know. */
  readonly withoutOutcome: number;
  /** Ids whose outcome is not the expected one, or changed between two looks. */
  readonly wrong: number;
  /** Jobs that were started more than once. */
  readonly retried: number;
  readonly examples: readonly string[];
}

/** What the audit needs of the client. */
export interface JobReader {
  wait(id: string, options: { timeoutMs: number }): Promise<JobView>;
  get(id: string): Promise<JobView>;
}

/** Audits `accepted`; a job may take `outcomeMs` from now to its outcome. */
export const audit = async (
  reader: JobReader,
  workload: Workload,
  accepted: readonly Accepted[],
  outcomeMs: number,
  nowMs: () => number,
): Promise<AuditResult> => {
  const tally = new Tally();
  const seen = new Set<string>();
  const left = [...accepted].reverse();
  const endsAtMs = nowMs() + outcomeMs;
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [n, id] = next;
      if (seen.has(id)) tally.note('doubled', id, 'was given to two jobs');
      seen.add(id);
      await auditOne(reader, workload, n, id, Math.max(0, endsAtMs - nowMs()), tally);
    }
  };
  await Promise.all(Array.from({ length: LOOKUPS_MAX }, work));
  return tally.result(accepted.length);
};

const auditOne = async (
  reader: JobReader,
  workload: Workload,
  n: number,
  id: string,
  timeoutMs: number,
  tally: Tally,
): Promise<void> => {
  let job: JobView;
  let again: JobView;
  try {
    job = await reader.wait(id, { timeoutMs });
    if (!FINAL_STAGES.has(job.stage)) return tally.note('withoutOutcome', id, `is still ${job.stage}`);
    again = await reader.get(id);
  } catch (error) {
    return tally.note('withoutOutcome', id, error instanceof Error ? error.message : String(error));
  }
  if (job.attempt > 1) tally.retried += 1;
  const wrong = wrongIn(job, again, workload, n, id);
  if (wrong === undefined) tally.right += 1;
  else tally.note('wrong', id, wrong);
};

const wrongIn = (
  job: JobView,
  again: JobView,
  workload: Workload,
  n: number,
  id: string,
): string | undefined => {
  if (job.id !== id) return `was answered with ${job.id}`;
  if (job.stage !== 'succeeded') return `${job.stage}${job.error === null ? '' : ` (${job.error.message})`}`;
  if (JSON.stringify(job) !== JSON.stringify(again)) return 'changed after its outcome';
  return workload.wrongIn(job, n);
};

class Tally {
  right = 0;
  retried = 0;
  private readonly counts = { doubled: 0, withoutOutcome: 0, wrong: 0 };
  private readonly examples: string[] = [];

  note(what: keyof Tally['counts'], id: string, words: string): void {
    this.counts[what] += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(`${id} ${words}`);
  }

  result(audited: number): AuditResult {
    const { right, retried, counts, examples } = this;
    return { audited, right, retried, ...counts, examples };
  }
}
