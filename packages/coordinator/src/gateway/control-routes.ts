/** Every route of settings: tenants' own, and operators'; and what else operators see. */
import type { FastifyInstance } from 'fastify';
import { addAdminRoutes, type UsageOf } from './admin-routes.js';
import type { AdmissionOptions } from './admission.js';
import type { ControlDesk } from './control-desk.js';
import { addFleetRoutes } from './fleet-routes.js';
import { addKeyRoutes } from './key-routes.js';
import { addQuotaRoutes } from './quota-routes.js';
import type { Roster } from './roster.js';
import { addScheduleRoutes } from './schedule-routes.js';
import { addSecretRoutes } from './secret-routes.js';

/** Adds them to `server`. */
export const addControlRoutes = (
  server: FastifyInstance,
  desk: ControlDesk,
  options: { readonly admission: AdmissionOptions; readonly usageOf: UsageOf; readonly roster: Roster },
): void => {
  const { admission, usageOf, roster } = options;
  addQuotaRoutes(server, desk, usageOf);
  addKeyRoutes(server, desk);
  addSecretRoutes(server, desk);
  addScheduleRoutes(server, desk, admission);
  addAdminRoutes(server, desk, usageOf);
  addFleetRoutes(server, roster);
};
