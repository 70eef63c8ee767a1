/** What operators do: tenants, quotas, keys of all, pauses. Every call takes a key of an operator. */
import type {
  DefaultsView,
  KeysView,
  NewKey,
  NewKeyView,
  NewTenant,
  PausesView,
  PauseView,
  QuotaPatch,
  QuotasView,
  TenantsView,
  TenantView,
} from '@zerofleet/protocol';
import type { CallOptions } from './client.js';
import type { JsonCaller } from './json-caller.js';

const tenantPath = (tenant: string): string => `/v1/admin/tenants/${encodeURIComponent(tenant)}`;
/** Keys of a tenant, or of the operators (null). */
const keysPath = (tenant: string | null): string =>
  tenant === null ? '/v1/admin/keys' : `${tenantPath(tenant)}/keys`;
const pausePath = (target: string): string => `/v1/admin/pauses/${encodeURIComponent(target)}`;

export class AdminClient {
  private readonly json: JsonCaller;

  constructor(json: JsonCaller) {
    this.json = json;
  }

  tenants(options: CallOptions = {}): Promise<TenantsView> {
    return this.json.get('/v1/admin/tenants', options);
  }

  tenant(tenant: string, options: CallOptions = {}): Promise<TenantView> {
    return this.json.get(tenantPath(tenant), options);
  }

  /** Makes a tenant; one that is there gets these quotas in place of its own, or keeps them where none are given. */
  putTenant(tenant: string, body: NewTenant = {}, options: CallOptions = {}): Promise<TenantView> {
    return this.json.put(tenantPath(tenant), body, options);
  }

  /** Ends a tenant with its keys, secrets and schedules. Its jobs go on. */
  deleteTenant(tenant: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(tenantPath(tenant), options);
  }

  quotas(tenant: string, options: CallOptions = {}): Promise<QuotasView> {
    return this.json.get(`${tenantPath(tenant)}/quotas`, options);
  }

  changeQuotas(tenant: string, patch: QuotaPatch, options: CallOptions = {}): Promise<QuotasView> {
    return this.json.patch(`${tenantPath(tenant)}/quotas`, patch, options);
  }

  /** Quotas of tenants that have none of their own. */
  defaults(options: CallOptions = {}): Promise<DefaultsView> {
    return this.json.get('/v1/admin/defaults', options);
  }

  changeDefaults(patch: QuotaPatch, options: CallOptions = {}): Promise<DefaultsView> {
    return this.json.patch('/v1/admin/defaults', patch, options);
  }

  /** Keys of a tenant, or of the operators (null). */
  keys(tenant: string | null, options: CallOptions = {}): Promise<KeysView> {
    return this.json.get(keysPath(tenant), options);
  }

  /** A new key: the answer holds it, this once. Never sent twice, since each is another key. */
  createKey(tenant: string | null, key: NewKey, options: CallOptions = {}): Promise<NewKeyView> {
    return this.json.make(keysPath(tenant), key, options);
  }

  revokeKey(tenant: string | null, id: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(`${keysPath(tenant)}/${encodeURIComponent(id)}`, options);
  }

  pauses(options: CallOptions = {}): Promise<PausesView> {
    return this.json.get('/v1/admin/pauses', options);
  }

  /** Starts nothing more of `fleet`, `class.NAME`, `tool.NAME` or `tenant.NAME`; what runs goes on. */
  pause(target: string, reason?: string, options: CallOptions = {}): Promise<PauseView> {
    return this.json.put(pausePath(target), reason === undefined ? {} : { reason }, options);
  }

  resume(target: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(pausePath(target), options);
  }
}
