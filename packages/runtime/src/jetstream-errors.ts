/** What JetStream answers when it refuses, by its error codes. */
import { JetStreamApiError } from '@nats-io/jetstream';

/** The expected last sequence of a stream or a subject is not the last one. */
const WRONG_LAST = 10_071;

/** Whether an error is one of JetStream's with one of these codes. */
export const isCode = (error: unknown, ...codes: readonly number[]): boolean =>
  error instanceof JetStreamApiError && codes.includes(error.code);

/** Whether a write was refused since somebody else changed the record, or the stream, meanwhile. */
export const isConflict = (error: unknown): boolean => isCode(error, WRONG_LAST);
