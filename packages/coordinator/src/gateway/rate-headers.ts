/** RateLimit headers of submissions, by the IETF httpapi draft (draft-ietf-httpapi-ratelimit-headers-10). */
import type { Rate } from '@zerofleet/model';
import type { RateLeft } from '@zerofleet/protocol';
import type { FastifyReply } from 'fastify';

const MS_PER_S = 1_000;

/**
 * Says what a tenant's submit rate allows and has left: `q` submissions at once, which are full again after `w` seconds; `r` of
 * them are left now, and in `t` seconds there is one more.
 */
export const rateHeaders = (reply: FastifyReply, { perSecond, burst }: Rate, left: RateLeft): void => {
  const window = Math.max(Math.ceil(burst / perSecond), 1);
  void reply.header('ratelimit-policy', `"submit";q=${burst};w=${window}`);
  void reply.header('ratelimit', `"submit";r=${left.left};t=${Math.ceil(left.resetMs / MS_PER_S)}`);
};
