/** Ids from the outside world's randomness; the core gets them as arguments. */
import { randomUUID } from 'node:crypto';
import type { BootId, JobId } from '@zerofleet/model';
import { v7 } from 'uuid';

/** A new job id: UUIDv7, so that ids sort by time. */
export const newJobId = (): JobId => v7() as JobId;

/** The id of this life of the process. */
export const newBootId = (): BootId => randomUUID() as BootId;
