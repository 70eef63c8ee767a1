/**
 * The audit of a run, pure: what the client was promised against what the fleet has on record.
 *
 * A1  Every accepted job has one outcome, the right one, in the outcomes stream and at the API: none lost, none doubled.
 * A2  One idempotency key never gave two jobs, and there is no job that no client holds.
 * A3  An attempt began once; beyond a job's first one only where the worker of the one before was really killed.
 */

export interface OutcomeSeen {
  readonly id: string;
  /** The ledger message that holds it. */
  readonly ledgerSeq: number;
  readonly kind: string;
  /** The text that the job gave back; undefined where there is none. */
  readonly text: string | undefined;
}

export interface AttemptSeen {
  readonly id: string;
  readonly attempt: number;
  readonly boot: string;
}

export interface Evidence {
  /** What the client got 202 for: the number of its key and text, and the id. */
  readonly accepted: readonly { readonly n: number; readonly id: string }[];
  /** Outcomes stream; a commit that was projected twice is there once. */
  readonly outcomes: readonly OutcomeSeen[];
  /** Outcomes that are still in the ledger. */
  readonly finished: readonly { readonly id: string; readonly ledgerSeq: number }[];
  /** Stage and text that the API told of a job; undefined for one that it does not know. */
  readonly api: ReadonlyMap<
    string,
    { readonly stage: string; readonly text: string | undefined } | undefined
  >;
  /** What workers began. */
  readonly attempts: readonly AttemptSeen[];
  /** Boots of workers that were killed. */
  readonly killed: ReadonlySet<string>;
}

export interface Verdict {
  readonly accepted: number;
  readonly outcomes: number;
  readonly attempts: number;
  /** Attempts beyond a job's first whose earlier worker was killed. */
  readonly repeated: number;
  /** Accepted and without an outcome. */
  readonly lost: readonly string[];
  /** With two outcomes. */
  readonly doubled: readonly string[];
  /** Keys that gave two jobs, and jobs that no client holds. */
  readonly keys: readonly string[];
  /** Of another outcome than the right one. */
  readonly wrong: readonly string[];
  /** Attempts that should not have begun, or must have and did not. */
  readonly strayAttempts: readonly string[];
}

/** What `evidence` comes to. */
export const audit = (evidence: Evidence): Verdict => {
  const outcomes = grouped(evidence.outcomes, (outcome) => outcome.id);
  const { repeated, stray } = auditAttempts(evidence);
  return {
    accepted: evidence.accepted.length,
    outcomes: evidence.outcomes.length,
    attempts: evidence.attempts.length,
    repeated,
    lost: evidence.accepted.flatMap(({ n, id }) =>
      outcomes.has(id) && evidence.api.get(id) !== undefined ? [] : [`job ${n}, ${id}`],
    ),
    doubled: doubledOf(evidence, outcomes),
    keys: keysOf(evidence),
    wrong: wrongOf(evidence, outcomes),
    strayAttempts: stray,
  };
};

/** Every fault of a verdict, one line each. */
export const faultsOf = (verdict: Verdict): readonly string[] =>
  (['lost', 'doubled', 'keys', 'wrong', 'strayAttempts'] as const).flatMap((kind) =>
    verdict[kind].map((what) => `${kind}: ${what}`),
  );

const doubledOf = (
  { finished }: Evidence,
  outcomes: ReadonlyMap<string, readonly OutcomeSeen[]>,
): readonly string[] => {
  const seqs = new Map<string, number[]>();
  for (const [id, seen] of outcomes)
    seqs.set(
      id,
      seen.map((one) => one.ledgerSeq),
    );
  const inLedger = grouped(finished, (one) => one.id);
  for (const [id, seen] of inLedger) {
    const known = seqs.get(id) ?? [];
    const more = seen
      .map((one) => one.ledgerSeq)
      .filter((seq, n, all) => !known.includes(seq) || all.indexOf(seq) !== n);
    seqs.set(id, [...known, ...more]);
  }
  return [...seqs].flatMap(([id, all]) => (all.length > 1 ? [`${id} at ${all.join(', ')}`] : []));
};

const keysOf = ({ accepted, outcomes }: Evidence): readonly string[] => {
  const idOf = new Map<string, string>();
  const faults: string[] = [];
  for (const { n, id } of accepted) {
    const text = `job ${n}`;
    if (idOf.has(text)) faults.push(`key ${n} was answered with ${idOf.get(text) ?? ''} and ${id}`);
    idOf.set(text, id);
  }
  for (const { id, text } of outcomes) {
    const known = text === undefined ? undefined : idOf.get(text);
    if (text !== undefined && known === undefined) faults.push(`no client holds ${id} with '${text}'`);
    else if (known !== undefined && known !== id) faults.push(`'${text ?? ''}' is ${known} and ${id}`);
  }
  return faults;
};

const wrongOf = (
  { accepted, api }: Evidence,
  outcomes: ReadonlyMap<string, readonly OutcomeSeen[]>,
): readonly string[] =>
  accepted.flatMap(({ n, id }) => {
    const text = `job ${n}`;
    const told = api.get(id);
    const seen = outcomes.get(id)?.[0];
    const isWrong = (kind: string | undefined, got: string | undefined): boolean =>
      kind !== undefined && (kind !== 'succeeded' || got !== text);
    if (isWrong(told?.stage, told?.text))
      return [`${id}: the API says ${told?.stage ?? ''}, ${told?.text ?? ''}`];
    return isWrong(seen?.kind, seen?.text)
      ? [`${id}: on record is ${seen?.kind ?? ''}, ${seen?.text ?? ''}`]
      : [];
  });

const auditAttempts = (
  evidence: Evidence,
): { readonly repeated: number; readonly stray: readonly string[] } => {
  const byJob = grouped(evidence.attempts, (attempt) => attempt.id);
  const stray: string[] = [];
  let repeated = 0;
  for (const [id, unordered] of byJob) {
    const attempts = [...unordered].sort((a, b) => a.attempt - b.attempt);
    attempts.slice(1).forEach((attempt, n) => {
      const before = attempts[n] as AttemptSeen;
      const name = `${id}, attempt ${attempt.attempt} at ${attempt.boot}`;
      if (before.attempt === attempt.attempt) stray.push(`${name} began twice`);
      else if (evidence.killed.has(before.boot)) repeated += 1;
      else stray.push(`${name}: attempt ${before.attempt} at ${before.boot} was not killed`);
    });
  }
  for (const { id } of evidence.accepted) if (!byJob.has(id)) stray.push(`${id} never began`);
  return { repeated, stray };
};

const grouped = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};
