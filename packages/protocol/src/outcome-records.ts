/**
 * Messages of the outcomes stream: projections of the ledger, idempotent by (job, ledger sequence). Format 2 is one message
 * for all outcomes of a group commit; format 1 was one message a job.
 */
import { headOf, type JobHead, type JobTemplate, type Outcome, type PayloadRef } from '@zerofleet/model';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { LedgerFormat } from './ledger.js';
import { EnvelopeV1Shape, envelopeV1Of, storedOfV1, type EnvelopeV1 } from './ledger-v1.js';
import { encodeJson, parseJson, reasonOf, type Parsed } from './parse.js';
import { joinHead, ownHeadOf, TemplateTable } from './templates.js';
import {
  AttemptShape,
  CountShape,
  JobHeadShape,
  JobTemplateShape,
  OWN_HEAD_FIELDS,
  OutcomeShape,
  PayloadRefShape,
} from './shapes.js';

/** How one job ended. */
export interface OutcomeRecord {
  readonly job: JobHead;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** Null when the job ended in the queue. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number;
}

/** A job that used up its attempts, whole, so that it can be submitted again. */
export interface DeadLetter extends OutcomeRecord {
  readonly payload: PayloadRef;
}

/** All outcomes of the commit at `ledgerSeq`. */
export interface OutcomeBatch {
  readonly ledgerSeq: number;
  readonly outcomes: readonly OutcomeRecord[];
}

const ending = {
  attempt: AttemptShape,
  outcome: OutcomeShape,
  startedAtMs: Type.Union([CountShape, Type.Null()]),
  finishedAtMs: CountShape,
};
const v1 = Compile(
  Type.Object({ v: Type.Literal(1), ledgerSeq: CountShape, job: EnvelopeV1Shape, ...ending }),
);
const v2 = Compile(
  Type.Object({
    v: Type.Literal(2),
    ledgerSeq: CountShape,
    templates: Type.Array(JobTemplateShape),
    outcomes: Type.Array(Type.Object({ of: CountShape, ...OWN_HEAD_FIELDS, ...ending })),
  }),
);

const letter = Compile(
  Type.Object({ v: Type.Literal(1), job: JobHeadShape, ...ending, payload: PayloadRefShape }),
);

/** The dead letter in a message, or why this release cannot read it. */
export const decodeDeadLetter = (bytes: Uint8Array): Parsed<DeadLetter> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  if (!letter.Check(parsed.value)) return { ok: false, reason: reasonOf(letter, parsed.value) };
  const { job, attempt, outcome, startedAtMs, finishedAtMs, payload } = parsed.value;
  return { ok: true, value: { job, attempt, outcome, startedAtMs, finishedAtMs, payload } };
};
export const encodeDeadLetter = (value: DeadLetter): Uint8Array => encodeJson({ v: 1, ...value });

/** The outcomes in a message, or why this release cannot read it. */
export const decodeOutcomes = (bytes: Uint8Array): Parsed<OutcomeBatch> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (v2.Check(value)) {
    const { templates } = value;
    if (value.outcomes.some(({ of }) => of >= templates.length))
      return { ok: false, reason: '/outcomes names a template that is not there' };
    const outcomes = value.outcomes.map((wire) => {
      const { attempt, outcome, startedAtMs, finishedAtMs } = wire;
      const job = joinHead(wire, templates[wire.of] as JobTemplate);
      return { job, attempt, outcome, startedAtMs, finishedAtMs };
    });
    return { ok: true, value: { ledgerSeq: value.ledgerSeq, outcomes } };
  }
  if (!v1.Check(value)) return { ok: false, reason: reasonOf(v2, value) };
  const { ledgerSeq, job, attempt, outcome, startedAtMs, finishedAtMs } = value;
  const head = headOf(storedOfV1(job));
  return {
    ok: true,
    value: { ledgerSeq, outcomes: [{ job: head, attempt, outcome, startedAtMs, finishedAtMs }] },
  };
};

/** One message of format 2, or one message a job of format 1. */
export const encodeOutcomes = (batch: OutcomeBatch, format: LedgerFormat): readonly Uint8Array[] => {
  if (format === 2) return [encodeBatch(batch)];
  return batch.outcomes.map(({ job, ...rest }) =>
    encodeJson({ v: 1, ledgerSeq: batch.ledgerSeq, job: envelopeOf(job), ...rest }),
  );
};

const encodeBatch = ({ ledgerSeq, outcomes }: OutcomeBatch): Uint8Array => {
  const templates = new TemplateTable();
  const wires = outcomes.map(({ job, attempt, outcome, startedAtMs, finishedAtMs }) => ({
    of: templates.of(job),
    ...ownHeadOf(job),
    attempt,
    outcome,
    startedAtMs,
    finishedAtMs,
  }));
  return encodeJson({ v: 2, ledgerSeq, templates: templates.list, outcomes: wires });
};

/** Format 1 wants a payload; whoever reads outcomes has no use for it. */
const NO_PAYLOAD = { kind: 'inline', bytes: 0, payload: { arguments: {}, files: [] } } as const;

const envelopeOf = (job: JobHead): EnvelopeV1 => {
  const { id, tenant, tool, toolVersion, decision, timeoutMs, maxAttempts, acceptedAtMs, extras } = job;
  const template = { tenant, tool, toolVersion, class: job.class, decision };
  return envelopeV1Of({
    id,
    template,
    timeoutMs,
    maxAttempts,
    acceptedAtMs,
    extras,
    payload: NO_PAYLOAD,
  });
};
