/**
 * A tenant's sessions over HTTP: which are open, and the end of one. A session opens with its first job, and closes by DELETE or
 * when it was not used for long.
 *
 * O1  A tenant sees and ends its own sessions alone: the name in the path is looked up under the key's tenant.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal, TenantId } from '@zerofleet/model';
import type { SessionRecord, SessionsView, SessionView } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { SessionBook } from '../controls/session-book.js';
import { noSuch } from './control-desk.js';
import { param } from './params.js';
import { refuse } from './refusals.js';

export interface SessionRouteOptions {
  readonly book: SessionBook;
  /** Ends a session, its files and its container. `unavailable`: nobody can say whether it is ended. */
  readonly end: (tenant: TenantId, session: string) => Promise<'ended' | 'unknown' | 'unavailable'>;
  readonly clock: Clock;
}

/** Adds the routes of sessions. */
export const addSessionRoutes = (server: FastifyInstance, options: SessionRouteOptions): void => {
  const { book, clock } = options;
  const one = '/v1/sessions/:session';
  server.get('/v1/sessions', (request) => {
    const sessions = book.list(request.tenant, clock.wallMs()).map(viewOf);
    return { sessions } satisfies SessionsView;
  });
  server.get(one, (request, reply) => {
    const record = book.get(request.tenant, param(request, 'session'), clock.wallMs());
    return record === undefined ? refuse(reply, NO_SESSION) : reply.send(viewOf(record));
  });
  server.delete(one, { config: { scope: 'submit' as const } }, (request, reply) =>
    end(options, request, reply),
  );
};

const end = async (
  options: SessionRouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  switch (await options.end(request.tenant, param(request, 'session'))) {
    case 'ended':
      return reply.code(204).send();
    case 'unknown':
      return refuse(reply, NO_SESSION);
    case 'unavailable':
      return refuse(reply, NOT_ENDED);
  }
};

const NO_SESSION = noSuch('open session of yours');
const NOT_ENDED: Refusal = {
  code: 'controls_unavailable',
  detail: 'The end is not confirmed. Send it again: a second one is harmless.',
  retryAfterMs: 1_000,
};

const at = (ms: number): string => new Date(ms).toISOString();

const viewOf = ({ session, live, saved, openedAtMs, usedAtMs }: SessionRecord): SessionView => ({
  session,
  state: live !== null ? 'live' : saved !== null ? 'saved' : 'empty',
  openedAt: at(openedAtMs),
  usedAt: at(usedAtMs),
  saved: saved === null ? null : { at: at(saved.savedAtMs), bytes: saved.blob.bytes },
});
