/** Every route of settings: tenants' own, and operators'. */
import type { FastifyInstance } from 'fastify';
import { addAdminRoutes, type UsageOf } from './admin-routes.js';
import type { AdmissionOptions } from './admission.js';
import type { ControlDesk } from './control-desk.js';
import { addKeyRoutes } from './key-routes.js';
import { addQuotaRoutes } from './quota-routes.js';
import { addScheduleRoutes } from './schedule-routes.js';
import { addSecretRoutes } from './secret-routes.js';

/** Adds them to `server`. */
export const addControlRoutes = (
  server: FastifyInstance,
  desk: ControlDesk,
  admission: AdmissionOptions,
  usageOf: UsageOf,
): void => {
  addQuotaRoutes(server, desk, usageOf);
  addKeyRoutes(server, desk);
  addSecretRoutes(server, desk);
  addScheduleRoutes(server, desk, admission);
  addAdminRoutes(server, desk, usageOf);
};
