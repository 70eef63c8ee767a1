/** A tenant's own quotas over HTTP, to be read. */
import type { FastifyInstance } from 'fastify';
import { quotasView, type UsageOf } from './admin-routes.js';
import type { ControlDesk } from './control-desk.js';

/** Adds the route of a tenant's quotas. */
export const addQuotaRoutes = (server: FastifyInstance, desk: ControlDesk, usageOf: UsageOf): void => {
  server.get('/v1/quotas', async (request, reply) =>
    reply.send(await quotasView(desk, usageOf, request.tenant)),
  );
};
