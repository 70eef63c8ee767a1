/** Workers and pools over HTTP, for operators. Each coordinator answers by what it heard itself, and says how old that is. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseWorkerId, type Refusal } from '@zerofleet/model';
import type { PoolsView, WorkersView } from '@zerofleet/protocol';
import { noSuch, wrong } from './control-desk.js';
import { poolViews, workerDetailView, workerView } from './fleet-views.js';
import { param } from './params.js';
import { refuse } from './refusals.js';
import type { Roster } from './roster.js';

const UNHEARD: Refusal = {
  code: 'workers_unheard',
  detail: 'It has just begun to listen, or its connection is down. Try again, or ask another coordinator.',
  retryAfterMs: 1_000,
};

/** Adds the routes of workers and pools. */
export const addFleetRoutes = (server: FastifyInstance, roster: Roster): void => {
  const config = { scope: 'admin' as const };
  server.get('/v1/admin/workers', { config }, (_request, reply) =>
    roster.knowsAll
      ? reply.send({ workers: roster.all().map(workerView) } satisfies WorkersView)
      : refuse(reply, UNHEARD),
  );
  server.get('/v1/admin/workers/:worker', { config }, (request, reply) => worker(roster, request, reply));
  server.get('/v1/admin/pools', { config }, (_request, reply) =>
    roster.knowsAll
      ? reply.send({ pools: poolViews(roster.all()) } satisfies PoolsView)
      : refuse(reply, UNHEARD),
  );
};

const worker = (roster: Roster, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const id = parseWorkerId(param(request, 'worker'));
  if (id === undefined)
    return refuse(
      reply,
      wrong('worker', 'must be 1-63 characters of a-z 0-9 -, starting with a letter or digit'),
    );
  if (!roster.knowsAll) return refuse(reply, UNHEARD);
  const heard = roster.get(id);
  return heard === undefined ? refuse(reply, noSuch('worker')) : reply.send(workerDetailView(heard));
};
