/** What operators do: tenants, quotas, keys of all, pauses; and what they see of workers and pools. Every call takes a key of an operator. */
import type {
  DefaultsView,
  KeysView,
  NewKey,
  NewKeyView,
  NewTenant,
  PausesView,
  PauseView,
  PoolsView,
  QuotaPatch,
  QuotasView,
  TenantsView,
  TenantView,
  WorkerDetailView,
  WorkersView,
} from '@zerofleet/protocol';
import type { CallOptions } from './client.js';
import { DEFAULTS, KEYS, NEW_KEY, PAUSE, PAUSES, QUOTAS, TENANT, TENANTS } from './control-answers.js';
import { POOLS, WORKER, WORKERS } from './fleet-answers.js';
import type { JsonCaller } from './json-caller.js';
import { step } from './path.js';

const tenantPath = (tenant: string): string => `/v1/admin/tenants/${step(tenant)}`;
/** Keys of a tenant, or of the operators (null). */
const keysPath = (tenant: string | null): string =>
  tenant === null ? '/v1/admin/keys' : `${tenantPath(tenant)}/keys`;
const pausePath = (target: string): string => `/v1/admin/pauses/${step(target)}`;

export class AdminClient {
  private readonly json: JsonCaller;

  constructor(json: JsonCaller) {
    this.json = json;
  }

  async tenants(options: CallOptions = {}): Promise<TenantsView> {
    return this.json.get('/v1/admin/tenants', TENANTS, options);
  }

  async tenant(tenant: string, options: CallOptions = {}): Promise<TenantView> {
    return this.json.get(tenantPath(tenant), TENANT, options);
  }

  /** Makes a tenant; one that is there gets these quotas in place of its own, or keeps them where none are given. */
  async putTenant(tenant: string, body: NewTenant = {}, options: CallOptions = {}): Promise<TenantView> {
    return this.json.put(tenantPath(tenant), body, TENANT, options);
  }

  /** Ends a tenant with its keys, secrets and schedules. Its jobs go on. */
  async deleteTenant(tenant: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(tenantPath(tenant), options);
  }

  async quotas(tenant: string, options: CallOptions = {}): Promise<QuotasView> {
    return this.json.get(`${tenantPath(tenant)}/quotas`, QUOTAS, options);
  }

  async changeQuotas(tenant: string, patch: QuotaPatch, options: CallOptions = {}): Promise<QuotasView> {
    return this.json.patch(`${tenantPath(tenant)}/quotas`, patch, QUOTAS, options);
  }

  /** Quotas of tenants that have none of their own. */
  async defaults(options: CallOptions = {}): Promise<DefaultsView> {
    return this.json.get('/v1/admin/defaults', DEFAULTS, options);
  }

  async changeDefaults(patch: QuotaPatch, options: CallOptions = {}): Promise<DefaultsView> {
    return this.json.patch('/v1/admin/defaults', patch, DEFAULTS, options);
  }

  /** Keys of a tenant, or of the operators (null). */
  async keys(tenant: string | null, options: CallOptions = {}): Promise<KeysView> {
    return this.json.get(keysPath(tenant), KEYS, options);
  }

  /** A new key: the answer holds it, this once. Never sent twice, since each is another key. */
  async createKey(tenant: string | null, key: NewKey, options: CallOptions = {}): Promise<NewKeyView> {
    return this.json.make(keysPath(tenant), key, NEW_KEY, options);
  }

  async revokeKey(tenant: string | null, id: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(`${keysPath(tenant)}/${step(id)}`, options);
  }

  async pauses(options: CallOptions = {}): Promise<PausesView> {
    return this.json.get('/v1/admin/pauses', PAUSES, options);
  }

  /** Starts nothing more of `fleet`, `class.NAME`, `tool.NAME` or `tenant.NAME`; what runs goes on. */
  async pause(target: string, reason?: string, options: CallOptions = {}): Promise<PauseView> {
    return this.json.put(pausePath(target), reason === undefined ? {} : { reason }, PAUSE, options);
  }

  async resume(target: string, options: CallOptions = {}): Promise<void> {
    return this.json.delete(pausePath(target), options);
  }

  /** The workers, as the coordinator that answers last heard of them. */
  async workers(options: CallOptions = {}): Promise<WorkersView> {
    return this.json.get('/v1/admin/workers', WORKERS, options);
  }

  /** One worker, with its pools and what it holds. */
  async worker(id: string, options: CallOptions = {}): Promise<WorkerDetailView> {
    return this.json.get(`/v1/admin/workers/${step(id)}`, WORKER, options);
  }

  /** Pools of warm containers, over all workers. */
  async pools(options: CallOptions = {}): Promise<PoolsView> {
    return this.json.get('/v1/admin/pools', POOLS, options);
  }
}
