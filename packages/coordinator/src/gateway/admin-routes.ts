/**
 * What operators do over HTTP: tenants, their quotas, the fleet's defaults, pauses. Keys have routes of their own.
 *
 * Everything may be repeated: a PUT or DELETE that is sent twice does what it does once.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { QUOTAS_BUILT_IN, quotasOf, type QuotaChanges, type Refusal, type TenantId } from '@zerofleet/model';
import {
  controlKeys,
  NewPauseShape,
  NewTenantShape,
  QuotaPatchShape,
  wordOfTarget,
  type DefaultsView,
  type NewPause,
  type NewTenant,
  type PausesView,
  type PauseView,
  type PauseRecord,
  type QuotaPatch,
  type QuotasView,
  type TenantRecord,
  type TenantsView,
  type TenantView,
  type UsageView,
} from '@zerofleet/protocol';
import { v, type ControlDesk } from './control-desk.js';
import { knownTenant, namedTenant, param, targetOf } from './params.js';
import { refuse } from './refusals.js';

/** What a tenant uses just now; undefined while nobody leads. */
export type UsageOf = (tenant: TenantId) => Promise<UsageView | undefined>;

/** Adds the routes of operators. */
export const addAdminRoutes = (server: FastifyInstance, desk: ControlDesk, usageOf: UsageOf): void => {
  const routes = new AdminRoutes(desk, usageOf);
  const config = { scope: 'admin' as const };
  const one = '/v1/admin/tenants/:tenant';
  server.get('/v1/admin/tenants', { config }, () => routes.tenants());
  server.get(one, { config }, (request, reply) => routes.tenant(request, reply));
  server.put(one, { config, schema: { body: NewTenantShape } }, (request, reply) =>
    routes.putTenant(request, reply),
  );
  server.delete(one, { config }, (request, reply) => routes.deleteTenant(request, reply));
  server.get(`${one}/quotas`, { config }, (request, reply) => routes.quotas(request, reply));
  server.patch(`${one}/quotas`, { config, schema: { body: QuotaPatchShape } }, (request, reply) =>
    routes.patchQuotas(request, reply),
  );
  server.get('/v1/admin/defaults', { config }, () => routes.defaults());
  server.patch('/v1/admin/defaults', { config, schema: { body: QuotaPatchShape } }, (request, reply) =>
    routes.patchDefaults(request, reply),
  );
  server.get('/v1/admin/pauses', { config }, () => routes.pauses());
  server.put('/v1/admin/pauses/:target', { config, schema: { body: NewPauseShape } }, (request, reply) =>
    routes.pause(request, reply),
  );
  server.delete('/v1/admin/pauses/:target', { config }, (request, reply) => routes.resume(request, reply));
};

class AdminRoutes {
  private readonly desk: ControlDesk;
  private readonly usageOf: UsageOf;

  constructor(desk: ControlDesk, usageOf: UsageOf) {
    this.desk = desk;
    this.usageOf = usageOf;
  }

  tenants(): TenantsView {
    const { controls, directory } = this.desk;
    const ids = new Set([...directory.tenants, ...[...controls.tenants()].map(({ tenant }) => tenant)]);
    return { tenants: [...ids].sort().map((tenant) => this.viewOf(tenant)) };
  }

  tenant(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const tenant = knownTenant(request, this.desk);
    return typeof tenant === 'string' ? reply.send(this.viewOf(tenant)) : refuse(reply, tenant);
  }

  async putTenant(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const tenant = namedTenant(request);
    if (typeof tenant !== 'string') return refuse(reply, tenant);
    const { quotas } = request.body as NewTenant;
    const by = request.caller.name;
    const createdAtMs = this.desk.clock.wallMs();
    const changed = await this.desk.change('tenant', controlKeys.tenant(tenant), (before) => ({
      ...(before ?? { v, tenant, createdAtMs }),
      quotas: quotas ?? before?.quotas ?? {},
      by,
    }));
    if ('refused' in changed) return refuse(reply, changed.refused);
    return reply.code(changed.isNew ? 201 : 200).send(this.viewOf(tenant, changed.record));
  }

  /** Its keys end first: what is left of a deletion that breaks off can still be deleted, and nobody calls meanwhile. */
  async deleteTenant(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const tenant = namedTenant(request);
    if (typeof tenant !== 'string') return refuse(reply, tenant);
    const { controls, directory } = this.desk;
    if (directory.tenants.has(tenant)) return refuse(reply, IN_FILE);
    const ends = [
      ...controls.keysOf(tenant).map(({ id }) => controlKeys.key(tenant, id)),
      ...controls.schedulesOf(tenant).map(({ name }) => controlKeys.schedule(tenant, name)),
      ...controls.secretsOf(tenant).map(({ name }) => controlKeys.secret(tenant, name)),
      controlKeys.pause({ kind: 'tenant', tenant }),
      controlKeys.tenant(tenant),
    ];
    for (const key of ends) {
      const refused = await this.desk.remove(key);
      if (refused !== undefined) return refuse(reply, refused);
    }
    return reply.code(204).send();
  }

  async quotas(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const tenant = knownTenant(request, this.desk);
    if (typeof tenant !== 'string') return refuse(reply, tenant);
    return reply.send(await quotasView(this.desk, this.usageOf, tenant));
  }

  async patchQuotas(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const tenant = knownTenant(request, this.desk);
    if (typeof tenant !== 'string') return refuse(reply, tenant);
    const by = request.caller.name;
    const createdAtMs = this.desk.clock.wallMs();
    const changed = await this.desk.change('tenant', controlKeys.tenant(tenant), (before) => ({
      ...(before ?? { v, tenant, createdAtMs }),
      quotas: patched(before?.quotas ?? {}, request.body as QuotaPatch),
      by,
    }));
    if ('refused' in changed) return refuse(reply, changed.refused);
    const { quotas: own } = changed.record;
    const quotas = quotasOf(this.desk.controls.defaults(), own);
    const usage = (await this.usageOf(tenant)) ?? null;
    return reply.send({ tenant, quotas, own, usage } satisfies QuotasView);
  }

  defaults(): DefaultsView {
    const own = this.desk.controls.ownDefaults() ?? {};
    return { quotas: quotasOf(own), own };
  }

  async patchDefaults(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const by = request.caller.name;
    const changed = await this.desk.change('defaults', controlKeys.defaults, (before) => ({
      v,
      quotas: patched(before?.quotas ?? {}, request.body as QuotaPatch),
      by,
    }));
    if ('refused' in changed) return refuse(reply, changed.refused);
    const own = changed.record.quotas;
    return reply.send({ quotas: quotasOf(own), own } satisfies DefaultsView);
  }

  pauses(): PausesView {
    return { pauses: [...this.desk.controls.pauses()].map(viewOfPause) };
  }

  async pause(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const target = targetOf(param(request, 'target'));
    if ('code' in target) return refuse(reply, target);
    const { reason = '' } = request.body as NewPause;
    const sinceMs = this.desk.clock.wallMs();
    const record: PauseRecord = { v, target, reason, sinceMs, by: request.caller.name };
    const refused = await this.desk.put(controlKeys.pause(target), record);
    return refused === undefined ? reply.send(viewOfPause(record)) : refuse(reply, refused);
  }

  async resume(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const target = targetOf(param(request, 'target'));
    if ('code' in target) return refuse(reply, target);
    const refused = await this.desk.remove(controlKeys.pause(target));
    return refused === undefined ? reply.code(204).send() : refuse(reply, refused);
  }

  private viewOf(tenant: TenantId, record?: TenantRecord): TenantView {
    const { controls, directory } = this.desk;
    const known = record ?? controls.tenant(tenant);
    const paused = [...controls.pauses()].some(
      ({ target }) => target.kind === 'tenant' && target.tenant === tenant,
    );
    const filed = directory.keys.filter((key) => key.tenant === tenant).length;
    return {
      tenant,
      own: known?.quotas ?? {},
      keys: filed + controls.keysOf(tenant).length,
      paused,
      createdAt: known === undefined ? null : new Date(known.createdAtMs).toISOString(),
    };
  }
}

const IN_FILE: Refusal = {
  code: 'conflict',
  detail:
    'The tenants file names this tenant. Take it out there first (a new version of the secret), then delete it.',
};

/** Quotas of a tenant, and what it uses. */
export const quotasView = async (
  desk: ControlDesk,
  usageOf: UsageOf,
  tenant: TenantId,
): Promise<QuotasView> => ({
  tenant,
  quotas: desk.controls.quotasOf(tenant),
  own: desk.controls.tenant(tenant)?.quotas ?? {},
  usage: (await usageOf(tenant)) ?? null,
});

/** Limits of tools are set one by one, too. */
const patched = (before: QuotaChanges, { set = {}, unset = [] }: QuotaPatch): QuotaChanges => {
  const tools = { ...before.toolRunningMax, ...set.toolRunningMax };
  const all: QuotaChanges = {
    ...before,
    ...set,
    ...(Object.keys(tools).length > 0 ? { toolRunningMax: tools } : {}),
  };
  const gone = new Set<string>(unset);
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => name in QUOTAS_BUILT_IN && !gone.has(name)),
  );
};

const viewOfPause = ({ target, reason, sinceMs, by }: PauseRecord): PauseView => ({
  target: wordOfTarget(target),
  reason,
  since: new Date(sinceMs).toISOString(),
  by,
});
