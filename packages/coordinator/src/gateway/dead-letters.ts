/** Dead letters as tenants see them: jobs that used up their attempts, to be looked at and submitted again. */
import type { JobEnvelope, JobId, Refusal } from '@zerofleet/model';
import type { DeadLetter } from '@zerofleet/protocol';
import type { FastifyRequest } from 'fastify';
import type { JobSnapshot } from '../engine/ports.js';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 100;

export const NO_SUCH_LETTER: Refusal = {
  code: 'not_found',
  detail: 'There is no such dead letter of yours.',
};

export const BAD_PAGE: Refusal = {
  code: 'invalid_request',
  detail: `limit must be a number from 1 to ${PAGE_MAX}, after what an earlier answer gave as next.`,
  errors: [{ path: '/limit', message: 'not a page' }],
};

/** The page that a request asks for; undefined when it cannot be read. */
export const pageOf = (
  request: FastifyRequest,
): { readonly limit: number; readonly after: number } | undefined => {
  const { limit = String(PAGE_DEFAULT), after = '0' } = request.query as {
    limit?: unknown;
    after?: unknown;
  };
  if (typeof limit !== 'string' || !/^\d{1,3}$/.test(limit)) return undefined;
  if (typeof after !== 'string' || !/^\d{1,15}$/.test(after)) return undefined;
  const count = Number(limit);
  return count >= 1 && count <= PAGE_MAX ? { limit: count, after: Number(after) } : undefined;
};

/** The job of a letter as it ended. */
export const deadJob = ({ job, attempt, outcome, startedAtMs, finishedAtMs }: DeadLetter): JobSnapshot => ({
  envelope: job,
  state: { kind: 'finished', attempt, outcome, startedAtMs, finishedAtMs },
});

/**
 * The job of a letter again, as a job of its own: at once, without the deadline that has passed. Its idempotency key is the
 * letter's, so that a letter that is redriven twice is one job; no tenant's key holds a space.
 */
export const redriven = ({ job, payload }: DeadLetter, id: JobId, nowMs: number): JobEnvelope => {
  const { session, retry, secrets, collects } = job.extras ?? {};
  return {
    ...job,
    id,
    payload,
    acceptedAtMs: nowMs,
    extras: {
      ...(session === undefined ? {} : { session }),
      ...(retry === undefined ? {} : { retry }),
      ...(secrets === undefined ? {} : { secrets }),
      ...(collects === undefined ? {} : { collects }),
      idempotency: { key: `redrive ${job.id}`, hash: '' },
      redriveOf: job.id,
    },
  };
};
