/**
 * The ledger's format: a stream message is one group commit of events. State is the fold of the events.
 *
 * L1  Every commit carries (epoch, batch): a leader knows its own commits again after a timed-out publish.
 * L2  An event type that this release does not know makes the whole commit unreadable; who cannot read must not lead.
 * L3  A release reads LEDGER_FORMAT and the format before it, and writes either; which one is the leader's business.
 * L4  What many jobs have in common stands once in a commit, in `templates`; `of` is an index into it.
 */
import type {
  Attempt,
  BootId,
  Epoch,
  JobId,
  JobState,
  JobTemplate,
  Outcome,
  RequeueReason,
  StoredJob,
  WorkerId,
} from '@zerofleet/model';
import { Type, type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { decodeCommitV1, encodeEventV1 } from './ledger-v1.js';
import { parseJson, reasonOf, type Parsed } from './parse.js';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EpochShape,
  JobExtrasShape,
  JobIdShape,
  JobStateShape,
  JobTemplateShape,
  OutcomeShape,
  PayloadRefShape,
  WorkerIdShape,
} from './shapes.js';

/** The newest format that this release reads and writes. */
export const LEDGER_FORMAT = 2;
export type LedgerFormat = 1 | 2;

export type LedgerEvent =
  /** A leader's first append in its epoch; it acts only on what stands before it. `format`: the newest it reads. */
  | {
      readonly kind: 'elected';
      readonly epoch: Epoch;
      readonly leader: string;
      readonly format: LedgerFormat;
    }
  | { readonly kind: 'accepted'; readonly job: StoredJob }
  /** Committed before the job is dispatched. */
  | {
      readonly kind: 'started';
      readonly id: JobId;
      readonly attempt: Attempt;
      readonly worker: WorkerId;
      readonly boot: BootId;
    }
  /** The job's outcome. `attempt` is 0 where none was started. */
  | { readonly kind: 'finished'; readonly id: JobId; readonly attempt: Attempt; readonly outcome: Outcome }
  /** The tenant asked to end a running job; a queued one is finished at once instead. */
  | { readonly kind: 'cancel_requested'; readonly id: JobId }
  /** The attempt is over without an outcome; the job waits for its next one, until `dueAtMs` at least. */
  | {
      readonly kind: 'requeued';
      readonly id: JobId;
      readonly attempt: Attempt;
      readonly reason: RequeueReason;
      readonly dueAtMs: number | null;
    }
  /** A live job again, whole, so that what stands before may be purged. */
  | { readonly kind: 'carried'; readonly job: StoredJob; readonly state: JobState }
  /** Jobs due far ahead that stand, whole, in a message of the timer stream from now on. */
  | { readonly kind: 'parked'; readonly page: number; readonly ids: readonly JobId[] };
export type LedgerEventKind = LedgerEvent['kind'];

/** One group commit. */
export interface Commit {
  readonly v: LedgerFormat;
  readonly epoch: Epoch;
  /** Counts the commits of an epoch; 0 is its `elected`. */
  readonly batch: number;
  /** The leader's wall clock, Unix ms: for people and for `startedAt`, never for ordering. */
  readonly atMs: number;
  /** Every outcome in commits up to this sequence is in the outcomes stream. */
  readonly projected: number;
  readonly events: readonly LedgerEvent[];
}

const kind = <K extends string>(name: K) => Type.Literal(name);
const StoredFields = {
  of: CountShape,
  id: JobIdShape,
  timeoutMs: CountShape,
  maxAttempts: CountShape,
  at: CountShape,
  payload: PayloadRefShape,
  extras: Type.Optional(JobExtrasShape),
};

const EVENT_SHAPES = {
  elected: Type.Object({
    kind: kind('elected'),
    epoch: EpochShape,
    leader: Type.String(),
    format: CountShape,
  }),
  accepted: Type.Object({ kind: kind('accepted'), ...StoredFields }),
  started: Type.Object({
    kind: kind('started'),
    id: JobIdShape,
    attempt: AttemptShape,
    worker: WorkerIdShape,
    boot: BootIdShape,
  }),
  finished: Type.Object({
    kind: kind('finished'),
    id: JobIdShape,
    attempt: AttemptShape,
    outcome: OutcomeShape,
  }),
  cancel_requested: Type.Object({ kind: kind('cancel_requested'), id: JobIdShape }),
  requeued: Type.Object({
    kind: kind('requeued'),
    id: JobIdShape,
    attempt: AttemptShape,
    reason: Type.Union([kind('worker_lost'), kind('handed_back'), kind('retry')]),
    dueAtMs: Type.Union([CountShape, Type.Null()]),
  }),
  carried: Type.Object({ kind: kind('carried'), ...StoredFields, state: JobStateShape }),
  parked: Type.Object({ kind: kind('parked'), page: CountShape, ids: Type.Array(JobIdShape) }),
} satisfies Record<LedgerEventKind, TSchema>;

const CHECKS = Object.fromEntries(
  Object.entries(EVENT_SHAPES).map(([name, shape]) => [name, Compile(shape as TSchema)]),
) as Record<string, ReturnType<typeof Compile> | undefined>;

const HeaderShape = Type.Object({
  v: Type.Literal(2),
  epoch: EpochShape,
  batch: CountShape,
  atMs: CountShape,
  projected: CountShape,
  templates: Type.Array(JobTemplateShape),
  events: Type.Array(Type.Object({ kind: Type.String() })),
});
const header = Compile(HeaderShape);

type StoredWire = Static<typeof EVENT_SHAPES.accepted>;

/** The commit in a ledger message, or why this release cannot read it. */
export const decodeCommit = (bytes: Uint8Array): Parsed<Commit> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  if ((parsed.value as { v?: unknown } | null)?.v === 1) return decodeCommitV1(parsed.value);
  if (!header.Check(parsed.value)) return { ok: false, reason: reasonOf(header, parsed.value) };
  const { v, epoch, batch, atMs, projected, templates } = parsed.value;
  const events = parsed.value.events as unknown[] as LedgerEvent[];
  for (const [index, event] of events.entries()) {
    const wrong = checkEvent(event, templates.length);
    if (wrong !== undefined) return { ok: false, reason: `/events/${index} ${wrong}` };
    if (event.kind === 'accepted' || event.kind === 'carried')
      events[index] = withJob(event as unknown as StoredWire, templates);
  }
  return { ok: true, value: { v, epoch, batch, atMs, projected, events } };
};

const checkEvent = (event: LedgerEvent, templates: number): string | undefined => {
  const check = CHECKS[event.kind];
  if (check === undefined) return `is of an unknown kind '${event.kind}'`;
  if (!check.Check(event)) return reasonOf(check, event);
  if ('of' in event && (event.of as number) >= templates) return 'names a template that is not there';
  return undefined;
};

const withJob = (wire: StoredWire, templates: readonly JobTemplate[]): LedgerEvent => {
  const { of, id, timeoutMs, maxAttempts, at, payload, extras } = wire;
  const template = templates[of] as JobTemplate;
  const job = { id, template, timeoutMs, maxAttempts, acceptedAtMs: at, payload, extras: extras ?? null };
  const { state } = wire as { state?: JobState };
  return state === undefined ? { kind: 'accepted', job } : { kind: 'carried', job, state };
};

/** An event as text, split where the number of its template goes. */
export interface EventText {
  readonly before: string;
  readonly template: JobTemplate | null;
  readonly after: string;
  readonly bytes: number;
}

/** Text of `event` in `format`. Throws for an event that the older format does not have: a bug of the caller. */
export const encodeEvent = (event: LedgerEvent, format: LedgerFormat): EventText => {
  if (format === 1) return whole(encodeEventV1(event));
  if (event.kind !== 'accepted' && event.kind !== 'carried') return whole(textOf(event));
  const { id, template, timeoutMs, maxAttempts, acceptedAtMs, payload, extras } = event.job;
  const rest = {
    id,
    timeoutMs,
    maxAttempts,
    at: acceptedAtMs,
    payload,
    ...(extras === null ? {} : { extras }),
    ...(event.kind === 'carried' ? { state: event.state } : {}),
  };
  const before = `{"kind":"${event.kind}","of":`;
  const after = `,${JSON.stringify(rest).slice(1)}`;
  return { before, template, after, bytes: before.length + INDEX_BYTES + Buffer.byteLength(after) };
};

/** The two that every job has are put together by hand, which takes a fifth of the time; ids need no escapes. */
const textOf = (event: Exclude<LedgerEvent, { kind: 'accepted' | 'carried' }>): string => {
  if (event.kind === 'started') {
    const { id, attempt, worker, boot } = event;
    return `{"kind":"started","id":"${id}","attempt":${attempt},"worker":"${worker}","boot":"${boot}"}`;
  }
  if (event.kind !== 'finished') return JSON.stringify(event);
  const { id, attempt, outcome } = event;
  return `{"kind":"finished","id":"${id}","attempt":${attempt},"outcome":${JSON.stringify(outcome)}}`;
};

const INDEX_BYTES = 3;
const whole = (text: string): EventText => ({
  before: text,
  template: null,
  after: '',
  bytes: Buffer.byteLength(text),
});

/** The head of a commit that is put together from texts. */
export type CommitHead = Omit<Commit, 'events'>;

/** A commit of `texts`, which must be of the head's format. */
export const joinCommit = (head: CommitHead, texts: readonly EventText[]): Uint8Array => {
  const templates = new Map<JobTemplate, number>();
  const events = texts.map(({ before, template, after }) => {
    if (template === null) return before;
    const known = templates.get(template);
    const index = known ?? templates.size;
    if (known === undefined) templates.set(template, index);
    return `${before}${index}${after}`;
  });
  const { v, epoch, batch, atMs, projected } = head;
  const common = `"epoch":${epoch},"batch":${batch},"atMs":${atMs}`;
  const list = `"events":[${events.join(',')}]`;
  if (v === 1) return Buffer.from(`{"v":${v},${common},"projected":${projected},${list}}`);
  return Buffer.from(
    `{"v":${v},${common},"projected":${projected},"templates":${JSON.stringify([...templates.keys()])},${list}}`,
  );
};

/** A commit as bytes. */
export const encodeCommit = (commit: Commit): Uint8Array =>
  joinCommit(
    commit,
    commit.events.map((event) => encodeEvent(event, commit.v)),
  );
