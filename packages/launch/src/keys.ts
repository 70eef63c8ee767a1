/** API keys and passwords: made here, stored as hashes; a key is shown once. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureFolder } from './paths.js';

const KEY_BYTES = 32;

/** A new API key: `zf_` and 256 random bits in base64url. */
export const newApiKey = (): string => `zf_${randomBytes(KEY_BYTES).toString('base64url')}`;

/** A new password for a broker: hex, so that no config syntax can trip over it. */
export const newPassword = (): string => randomBytes(KEY_BYTES).toString('hex');

/** What the tenants file holds instead of the key. */
export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');

export interface TenantKey {
  readonly tenant: string;
  readonly apiKey: string;
}

/** A tenant's entry in ZF_TENANTS_FILE. */
export const tenantEntry = (tenant: string, key: string, name = 'first') => ({
  id: tenant,
  keys: [{ name, sha256: hashOfKey(key) }],
});

/** An operator's entry in ZF_OPERATORS_FILE. */
export const operatorEntry = (key: string, name = 'first') => ({ name, sha256: hashOfKey(key) });

/** The content of ZF_OPERATORS_FILE. */
export const operatorsFile = (key: string): string =>
  `${JSON.stringify({ operators: [operatorEntry(key)] }, null, 2)}\n`;

/** The content of ZF_TENANTS_FILE. */
export const tenantsFile = (keys: readonly TenantKey[]): string =>
  `${JSON.stringify({ tenants: keys.map(({ tenant, apiKey }) => tenantEntry(tenant, apiKey)) }, null, 2)}\n`;

/** A line of ZF_SECRETS_KEY_FILE: a new key to seal secrets with. */
export const newSealingKey = (): string => `k${Date.now().toString(36)}:${newPassword()}\n`;

/** Writes a secret so that only its owner reads it. */
export const writeSecret = (path: string, secret: string): string => {
  ensureFolder(dirname(path));
  writeFileSync(path, secret, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
};

/** Writes a secret that must stay as it is from run to run, unless it is there already. */
export const keptSecret = (path: string, make: () => string): string =>
  existsSync(path) ? path : writeSecret(path, make());
