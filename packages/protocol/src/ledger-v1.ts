/**
 * Format 1 of the ledger and of outcome records, as the release before wrote them: read for ever on, written while a
 * replica may be around that reads nothing newer. It has no extras, no pauses before a requeued attempt, no carrying.
 */
import type { JobEnvelope, JobId, JobTemplate, PayloadRef, StoredJob } from '@zerofleet/model';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Commit, LedgerEvent } from './ledger.js';
import { reasonOf, type Parsed } from './parse.js';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EpochShape,
  JobIdShape,
  JobTemplateShape,
  OutcomeShape,
  PayloadRefShape,
  WorkerIdShape,
} from './shapes.js';

const kind = <K extends string>(name: K) => Type.Literal(name);

/** A job of format 1: the template's fields and its own, flat. */
export const EnvelopeV1Shape = Type.Intersect([
  JobTemplateShape,
  Type.Object({
    id: JobIdShape,
    session: Type.Union([Type.String(), Type.Null()]),
    payload: PayloadRefShape,
    timeoutMs: CountShape,
    maxAttempts: CountShape,
    acceptedAtMs: CountShape,
  }),
]);
/** As above, for those who read it. */
export type EnvelopeV1 = JobTemplate & {
  readonly id: JobId;
  readonly session: string | null;
  readonly payload: PayloadRef;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly acceptedAtMs: number;
};

const EventV1Shape = Type.Union([
  Type.Object({ kind: kind('elected'), epoch: EpochShape, leader: Type.String() }),
  Type.Object({ kind: kind('accepted'), job: EnvelopeV1Shape }),
  Type.Object({
    kind: kind('started'),
    id: JobIdShape,
    attempt: AttemptShape,
    worker: WorkerIdShape,
    boot: BootIdShape,
  }),
  Type.Object({ kind: kind('finished'), id: JobIdShape, attempt: AttemptShape, outcome: OutcomeShape }),
  Type.Object({ kind: kind('cancel_requested'), id: JobIdShape }),
  Type.Object({
    kind: kind('requeued'),
    id: JobIdShape,
    attempt: AttemptShape,
    reason: Type.Union([kind('worker_lost'), kind('handed_back')]),
  }),
]);

const commit = Compile(
  Type.Object({
    v: Type.Literal(1),
    epoch: EpochShape,
    batch: CountShape,
    atMs: CountShape,
    /** Not known to the release that made this format, which ignores it. */
    projected: Type.Optional(CountShape),
    events: Type.Array(EventV1Shape),
  }),
);

/** A parsed message of format 1 as a commit. */
export const decodeCommitV1 = (value: unknown): Parsed<Commit> => {
  if (!commit.Check(value)) return { ok: false, reason: reasonOf(commit, value) };
  const { epoch, batch, atMs, projected, events } = value;
  return {
    ok: true,
    value: { v: 1, epoch, batch, atMs, projected: projected ?? 0, events: events.map(readEvent) },
  };
};

type EventV1 =
  | Exclude<LedgerEvent, { kind: 'elected' | 'accepted' | 'requeued' | 'carried' | 'parked' }>
  | Omit<Extract<LedgerEvent, { kind: 'elected' }>, 'format'>
  | { readonly kind: 'accepted'; readonly job: EnvelopeV1 }
  | Omit<Extract<LedgerEvent, { kind: 'requeued' }>, 'dueAtMs'>;

const readEvent = (parsed: unknown): LedgerEvent => {
  const event = parsed as EventV1 & { format?: 1 | 2 };
  switch (event.kind) {
    case 'elected':
      return { ...event, format: event.format ?? 1 };
    case 'accepted':
      return { kind: 'accepted', job: storedOfV1(event.job) };
    case 'requeued':
      return { ...event, dueAtMs: null };
    case 'started':
    case 'finished':
    case 'cancel_requested':
      return event;
  }
};

/** A job of format 1 as the fold keeps it. */
export const storedOfV1 = (envelope: EnvelopeV1): StoredJob => {
  const { id, tenant, tool, toolVersion, decision, session, payload } = envelope;
  const { timeoutMs, maxAttempts, acceptedAtMs } = envelope;
  const template = { tenant, tool, toolVersion, class: envelope.class, decision };
  const extras = session === null ? null : { session };
  return { id, template, timeoutMs, maxAttempts, acceptedAtMs, extras, payload };
};

/** A stored job as format 1 had it. */
export const envelopeV1Of = (job: StoredJob): EnvelopeV1 => {
  const { id, template, timeoutMs, maxAttempts, acceptedAtMs, extras, payload } = job;
  return { id, ...template, session: extras?.session ?? null, payload, timeoutMs, maxAttempts, acceptedAtMs };
};

/** Whether format 1 can hold a job with these extras without loss of meaning. */
export const fitsV1 = ({ extras }: Pick<JobEnvelope, 'extras'>): boolean =>
  extras === null || Object.keys(extras).every((name) => name === 'session');

/** Text of `event` in format 1. Throws for one that format 1 does not have. */
export const encodeEventV1 = (event: LedgerEvent): string => {
  switch (event.kind) {
    case 'accepted':
      if (!fitsV1(event.job)) break;
      return JSON.stringify({ kind: 'accepted', job: envelopeV1Of(event.job) });
    case 'requeued': {
      if (event.reason === 'retry' || event.dueAtMs !== null) break;
      const { id, attempt, reason } = event;
      return JSON.stringify({ kind: 'requeued', id, attempt, reason });
    }
    case 'finished':
      if (event.outcome.kind === 'expired') break;
      return JSON.stringify(event);
    case 'carried':
    case 'parked':
      break;
    case 'elected':
    case 'started':
    case 'cancel_requested':
      return JSON.stringify(event);
  }
  throw new Error(`ledger format 1 has no such ${event.kind}`);
};
