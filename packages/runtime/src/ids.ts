/** Ids from the outside world's randomness; the core gets them as arguments. */
import { randomFillSync, randomUUID } from 'node:crypto';
import type { BootId, JobId } from '@zerofleet/model';
import { v7 } from 'uuid';

/** Random bytes of an id, and of how many ids they are drawn at once: a draw costs more than all else of an id. */
const ID_BYTES = 16;
const pool = new Uint8Array(256 * ID_BYTES);
let next = pool.length;

const randomBytes = (): Uint8Array => {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  next += ID_BYTES;
  return pool.subarray(next - ID_BYTES, next);
};

/** A new job id: UUIDv7, so that ids sort by time, to the millisecond. */
export const newJobId = (): JobId => v7({ random: randomBytes() }) as JobId;

/** The id of this life of the process. */
export const newBootId = (): BootId => randomUUID() as BootId;
