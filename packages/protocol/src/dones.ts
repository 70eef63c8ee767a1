/**
 * Worker to leader: how attempts ended, repeated until confirmed.
 *
 * Form 2 tells of many ends in one message, and its reply names those that are to be told again; form 1 tells of one.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { WireForm } from './messages.js';
import { encodeJson, parseJson, reasonOf, type Parsed } from './parse.js';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EpochShape,
  JobIdShape,
  OutcomeShape,
  WorkerIdShape,
} from './shapes.js';

/**
 * What an attempt came to: an outcome; handed back before anything of it ran; or lost with the engine broker, whose
 * death counts as the worker's: it may have run, and may run again within the job's attempts.
 */
export const AttemptEndShape = Type.Union([
  Type.Object({ kind: Type.Literal('outcome'), outcome: OutcomeShape }),
  Type.Object({ kind: Type.Literal('handed_back'), reason: Type.String() }),
  Type.Object({ kind: Type.Literal('lost'), reason: Type.String() }),
]);
export type AttemptEnd = Static<typeof AttemptEndShape>;

const endedFields = { id: JobIdShape, attempt: AttemptShape, end: AttemptEndShape };
const EndedShape = Type.Object(endedFields);
/** An attempt that is over. */
export type Ended = Readonly<Static<typeof EndedShape>>;

/**
 * Ends of attempts at one worker. `epoch` is the highest that the worker has seen: a leader of a lower one does not know what
 * came after its reign, so it must not confirm.
 */
export interface Done {
  readonly epoch: number;
  readonly worker: Static<typeof WorkerIdShape>;
  readonly boot: Static<typeof BootIdShape>;
  readonly ends: readonly Ended[];
}

const head = { epoch: EpochShape, worker: WorkerIdShape, boot: BootIdShape };
const v1 = Compile(Type.Object({ v: Type.Literal(1), ...head, ...endedFields }));
const v2 = Compile(Type.Object({ v: Type.Literal(2), ...head, ends: Type.Array(EndedShape) }));

/** Messages of `form` that tell of all of `done`. */
export const encodeDone = (done: Done, form: WireForm): readonly Uint8Array[] => {
  const { epoch, worker, boot, ends } = done;
  if (form === 2) return [encodeJson({ v: 2, epoch, worker, boot, ends })];
  return ends.map(({ id, attempt, end }) => encodeJson({ v: 1, epoch, worker, boot, id, attempt, end }));
};

/** The ends in a message and the form that its reply must have, or why it cannot be read. */
export const parseDone = (bytes: Uint8Array): Parsed<{ readonly done: Done; readonly form: WireForm }> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (v2.Check(value)) {
    const { epoch, worker, boot, ends } = value;
    return { ok: true, value: { done: { epoch, worker, boot, ends }, form: 2 } };
  }
  if (!v1.Check(value)) return { ok: false, reason: reasonOf(v2, value) };
  const { epoch, worker, boot, id, attempt, end } = value;
  return { ok: true, value: { done: { epoch, worker, boot, ends: [{ id, attempt, end }] }, form: 1 } };
};

/** Places in `ends` to tell of again later. All others are committed, or were not the job's any more: forget them. */
export interface DoneReply {
  readonly retry: readonly number[];
}

const reply1 = Compile(
  Type.Object({
    v: Type.Literal(1),
    kind: Type.Union([Type.Literal('confirmed'), Type.Literal('retry')]),
  }),
);
const reply2 = Compile(Type.Object({ v: Type.Literal(2), retry: Type.Array(CountShape) }));

/** Replies that are sent thousands of times a second. */
const REPLIES = {
  confirmed1: encodeJson({ v: 1, kind: 'confirmed' }),
  retry1: encodeJson({ v: 1, kind: 'retry' }),
  confirmed2: encodeJson({ v: 2, retry: [] }),
};

/** The reply to a message of `form`. */
export const encodeDoneReply = ({ retry }: DoneReply, form: WireForm): Uint8Array => {
  if (form === 1) return retry.length === 0 ? REPLIES.confirmed1 : REPLIES.retry1;
  return retry.length === 0 ? REPLIES.confirmed2 : encodeJson({ v: 2, retry });
};

/**
 * A reply to a message of `ends` ends, or why it cannot be read: then nothing was confirmed. A leader that does not know form 2
 * answers it with a `retry` of form 1, which is about all of it.
 */
export const parseDoneReply = (bytes: Uint8Array, ends: number): Parsed<DoneReply> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (reply2.Check(value)) return { ok: true, value: { retry: value.retry } };
  if (!reply1.Check(value)) return { ok: false, reason: reasonOf(reply2, value) };
  const all = Array.from({ length: ends }, (_, place) => place);
  return { ok: true, value: { retry: value.kind === 'confirmed' ? all.slice(1) : all } };
};
