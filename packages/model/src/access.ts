/**
 * What a key may do.
 *
 * A1  A key that belongs to a tenant can never do more than that tenant may: `admin` is for keys of operators alone.
 */
/**
 * `read`: see jobs, tools, quotas. `submit`: make and end jobs. `manage`: the tenant's own keys, secrets and schedules.
 * `admin`: tenants, quotas, keys of all, pauses.
 */
export type Scope = 'read' | 'submit' | 'manage' | 'admin';
/** What a tenant's key may have. */
export const TENANT_SCOPES: readonly Scope[] = ['read', 'submit', 'manage'];
