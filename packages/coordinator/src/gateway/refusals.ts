/** Refusals as RFC 9457 problem documents, and the usual ones by name. */
import {
  IDEMPOTENCY_KEY_MAX,
  PROBLEMS,
  WAIT_MS_MAX,
  type JobId,
  type ProblemCode,
  type Refusal,
} from '@zerofleet/model';
import { problemOf, type NotTaken } from '@zerofleet/protocol';
import type { FastifyReply } from 'fastify';

const MS_PER_S = 1_000;

/** Sends `refusal`, with Retry-After in whole seconds where it says when to come back. */
export const refuse = (reply: FastifyReply, refusal: Refusal): FastifyReply => {
  if (refusal.retryAfterMs !== undefined)
    void reply.header('retry-after', Math.max(1, Math.ceil(refusal.retryAfterMs / MS_PER_S)));
  if (refusal.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  return reply.code(PROBLEMS[refusal.code].status).type('application/problem+json').send(problemOf(refusal));
};

export const UNAUTHORIZED: Refusal = {
  code: 'unauthorized',
  detail: 'Send a valid key as `Authorization: Bearer zf_…`.',
};

export const NO_SUCH_JOB: Refusal = { code: 'not_found', detail: 'There is no such job of yours.' };

export const NOT_READABLE: Refusal = {
  code: 'outcome_unavailable',
  detail: 'The job cannot be looked up at the moment. Nothing is lost; try again.',
  retryAfterMs: 1_000,
};

export const BAD_WAIT: Refusal = {
  code: 'invalid_request',
  detail: `wait must be a number of seconds such as 30s, at most ${WAIT_MS_MAX / MS_PER_S}s.`,
  errors: [{ path: '/wait', message: 'not a duration within the limit' }],
};

export const TOO_MANY_WAITERS: Refusal = {
  code: 'too_many_waiters',
  detail: 'This coordinator holds as many open waits and streams as it may. Try again, or ask without wait.',
  retryAfterMs: 2_000,
};

/** The refusal of a submission that was not taken: nothing was accepted. */
export const notTaken = ({ why, retryAfterMs }: Omit<NotTaken, 'kind'>): Refusal => ({
  code: why,
  ...(NOT_TAKEN[why] ?? { detail: 'Nothing was accepted. Try again.', retryAfterMs: 1_000 }),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

const NOT_TAKEN: Partial<Record<ProblemCode, { detail: string; retryAfterMs?: number }>> = {
  no_leader: {
    detail: 'Nothing was accepted; a coordinator will lead soon. Try again.',
    retryAfterMs: 1_000,
  },
  queue_full: {
    detail: 'Nothing was accepted; the queue holds as many jobs as it may. Try later.',
    retryAfterMs: 5_000,
  },
  rate_limited: {
    detail: 'Nothing was accepted; you submit faster than your quota allows. Wait, then go on.',
  },
  quota_queued: {
    detail:
      'Nothing was accepted; as many of your jobs wait as may. There is room once one of them starts or ends.',
  },
  quota_sessions: {
    detail:
      'Nothing was accepted; as many of your sessions have jobs as may. Use one of them, or wait for one to end.',
  },
  quota_stored: {
    detail:
      'Nothing was accepted; you store as many bytes as you may. There is room once older outcomes are dropped.',
  },
  ledger_full: {
    detail: 'Nothing was accepted; the ledger must drain first. Try later.',
    retryAfterMs: 10_000,
  },
  ledger_unavailable: {
    detail: 'Nothing was accepted; the ledger cannot be reached. Try again.',
    retryAfterMs: 1_000,
  },
  index_rebuilding: {
    detail:
      'Nothing was accepted; it is not known yet whether this key was used before. Try again with the same key.',
    retryAfterMs: 2_000,
  },
  upgrading: {
    detail:
      'Nothing was accepted; until all coordinators are updated, jobs with keys, times or retries are not taken.',
    retryAfterMs: 30_000,
  },
  idempotency_conflict: {
    detail: 'The Idempotency-Key was used with another body within 24 hours. Use a new key for a new job.',
  },
};

/** Why a job cannot be looked up just now. */
export const notReadable = (why: ProblemCode): Refusal =>
  why === 'index_rebuilding'
    ? {
        code: why,
        detail:
          'Finished jobs are being indexed again; whether there is such a job is known soon. Try again.',
        retryAfterMs: 2_000,
      }
    : NOT_READABLE;

export const BAD_KEY: Refusal = {
  code: 'invalid_request',
  detail: `Idempotency-Key must be 1 to ${IDEMPOTENCY_KEY_MAX} visible ASCII characters.`,
  errors: [{ path: '/headers/idempotency-key', message: 'not a key' }],
};

/** The commit did not come back in time: the job may be there, under this id. */
export const acceptanceUnknown = (id: JobId): Refusal => ({
  code: 'acceptance_unknown',
  detail: `The ledger did not answer in time. GET /v1/jobs/${id} will say whether the job was accepted. Before that, send it again only with the same Idempotency-Key.`,
  retryAfterMs: 1_000,
});
