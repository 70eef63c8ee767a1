/**
 * Sessions between their calls: one record each in a key-value bucket, and what workers are asked about them.
 *
 * R1  A record says where the session's container is, if it has one, and which files were saved last. Who changes it names
 *     the revision that it read: of two one wins, and a container that the record does not name any more is not used again.
 * R2  A record of another `incarnation` is another session that has the same name: nothing of the one goes into the other.
 */
import type { BootId, TenantId, WorkerId } from '@zerofleet/model';
import { Type, type Static } from 'typebox';
import { jsonParser } from './parse.js';
import { BlobRefShape, BootIdShape, CountShape, TenantIdShape, WorkerIdShape } from './shapes.js';
import { SessionNameShape } from './submit.js';

export const SESSIONS_VERSION = 1;
const v = Type.Literal(SESSIONS_VERSION);

/** Files of a session as they were saved: a blob that encodeSaved made. */
export const SavedFilesShape = Type.Object({ blob: BlobRefShape, savedAtMs: CountShape });
export type SavedFiles = Static<typeof SavedFilesShape>;

export const SessionRecordShape = Type.Object({
  v,
  tenant: TenantIdShape,
  session: SessionNameShape,
  incarnation: Type.String({ minLength: 8, maxLength: 64 }),
  openedAtMs: CountShape,
  /** To a minute; Unix ms. */
  usedAtMs: CountShape,
  /** Whose container it has; null where none. */
  live: Type.Union([Type.Object({ worker: WorkerIdShape, boot: BootIdShape }), Type.Null()]),
  saved: Type.Union([SavedFilesShape, Type.Null()]),
});
export type SessionRecord = Static<typeof SessionRecordShape>;
export const parseSessionRecord = jsonParser(SessionRecordShape);

/** The record's key: names may hold dots, keys' tokens may not. */
export const sessionKey = (tenant: TenantId, session: string): string =>
  `${tenant}.${Buffer.from(session).toString('base64url')}`;

/** Whether `record` says that the session's container is at this worker's boot. */
export const isAt = ({ live }: SessionRecord, worker: WorkerId, boot: BootId): boolean =>
  live !== null && live.worker === worker && live.boot === boot;

/**
 * To the worker that has a session's container. `hand_over`: save its files, note them in the record and end it. `close`: end
 * it; nothing is saved.
 */
export const SessionCallShape = Type.Object({
  v,
  kind: Type.Union([Type.Literal('hand_over'), Type.Literal('close')]),
  tenant: TenantIdShape,
  session: SessionNameShape,
});
export type SessionCall = Static<typeof SessionCallShape>;
export const parseSessionCall = jsonParser(SessionCallShape);

/** `done`: nothing of it is there any more. `busy`: a call of it runs there. */
export const SessionReplyShape = Type.Object({
  v,
  kind: Type.Union([Type.Literal('done'), Type.Literal('busy')]),
});
export type SessionReply = Static<typeof SessionReplyShape>;
export const parseSessionReply = jsonParser(SessionReplyShape);

const SavedHeadShape = Type.Object({ v, incarnation: Type.String(), savedAtMs: CountShape });
const parseSavedHead = jsonParser(SavedHeadShape);
const NEWLINE = 0x0a;

/**
 * A blob of saved files: a line of JSON, then the tar. The line makes each one's content its own, so that it can be removed
 * without a look at what others saved.
 */
export const encodeSaved = (incarnation: string, savedAtMs: number, tar: readonly Uint8Array[]): Buffer => {
  const head = JSON.stringify({ v: SESSIONS_VERSION, incarnation, savedAtMs });
  return Buffer.concat([Buffer.from(`${head}\n`), ...tar]);
};

/** The tar in a blob of saved files of `incarnation`; undefined where it is not that. */
export const decodeSaved = (bytes: Uint8Array, incarnation: string): Buffer | undefined => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = all.indexOf(NEWLINE);
  const head = end < 0 ? undefined : parseSavedHead(all.subarray(0, end));
  return head?.ok === true && head.value.incarnation === incarnation ? all.subarray(end + 1) : undefined;
};
