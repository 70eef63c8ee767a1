/**
 * The ledger's format: a stream message is one group commit of events. State is the fold of the events.
 *
 * L1  Every commit carries (epoch, batch): a leader knows its own commits again after a timed-out publish.
 * L2  An event type that this release does not know makes the whole commit unreadable; who cannot read must not lead.
 * L3  A release reads LEDGER_VERSION and the version before it.
 */
import { Type, type Static } from 'typebox';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EpochShape,
  JobEnvelopeShape,
  JobIdShape,
  OutcomeShape,
  WorkerIdShape,
} from './shapes.js';
import { encodeJson, jsonParser, type Parsed } from './parse.js';

export const LEDGER_VERSION = 1;

const kind = <K extends string>(name: K) => Type.Literal(name);

/** A leader's first append in its epoch; it acts only on what stands before it. */
const Elected = Type.Object({ kind: kind('elected'), epoch: EpochShape, leader: Type.String() });
const Accepted = Type.Object({ kind: kind('accepted'), job: JobEnvelopeShape });
/** Committed before the job is dispatched. */
const Started = Type.Object({
  kind: kind('started'),
  id: JobIdShape,
  attempt: AttemptShape,
  worker: WorkerIdShape,
  boot: BootIdShape,
});
/** The job's outcome. `attempt` is 0 where none was started. */
const Finished = Type.Object({
  kind: kind('finished'),
  id: JobIdShape,
  attempt: AttemptShape,
  outcome: OutcomeShape,
});
/** The tenant asked to end a running job; a queued one is finished at once instead. */
const CancelRequested = Type.Object({ kind: kind('cancel_requested'), id: JobIdShape });
/** The attempt is over without an outcome; the job waits for its next one. */
const Requeued = Type.Object({
  kind: kind('requeued'),
  id: JobIdShape,
  attempt: AttemptShape,
  reason: Type.Union([kind('worker_lost'), kind('handed_back')]),
});

export const LedgerEventShape = Type.Union([Elected, Accepted, Started, Finished, CancelRequested, Requeued]);
export type LedgerEvent = Static<typeof LedgerEventShape>;
export type LedgerEventKind = LedgerEvent['kind'];

export const CommitShape = Type.Object({
  v: Type.Literal(LEDGER_VERSION),
  epoch: EpochShape,
  /** Counts the commits of an epoch, from 1. */
  batch: CountShape,
  /** The leader's wall clock, Unix ms: for people and for `startedAt`, never for ordering. */
  atMs: CountShape,
  events: Type.Array(LedgerEventShape),
});
/** One group commit. */
export type Commit = Static<typeof CommitShape>;

const parse = jsonParser(CommitShape);

/** The commit in a ledger message, or why this release cannot read it. */
export const decodeCommit = (bytes: Uint8Array): Parsed<Commit> => parse(bytes);
export const encodeCommit = (commit: Commit): Uint8Array => encodeJson(commit);

/** A message of the outcomes stream: a projection of `accepted` and `finished`, idempotent by (job, ledgerSeq). */
export const OutcomeRecordShape = Type.Object({
  v: Type.Literal(1),
  /** Ledger sequence of the commit that holds `finished`. */
  ledgerSeq: CountShape,
  job: JobEnvelopeShape,
  attempt: AttemptShape,
  outcome: OutcomeShape,
  startedAtMs: Type.Union([CountShape, Type.Null()]),
  finishedAtMs: CountShape,
});
export type OutcomeRecord = Static<typeof OutcomeRecordShape>;
export const decodeOutcomeRecord = jsonParser(OutcomeRecordShape);
