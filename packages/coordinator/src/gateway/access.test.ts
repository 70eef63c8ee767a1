import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Scope, TenantId } from '@zerofleet/model';
import { controlKeys, CONTROLS_VERSION, encodeJson } from '@zerofleet/protocol';
import { systemClock } from '@zerofleet/runtime';
import { Controls } from '../controls/controls.js';
import { Access } from './access.js';
import { TenantDirectory } from './tenants.js';

const ADA = 'ada' as TenantId;
const keyed = (tenant: TenantId | null, key: string, scopes: readonly Scope[]): Controls => {
  const controls = new Controls();
  const record = {
    ...{
      v: CONTROLS_VERSION,
      id: 'abcdefghijkl',
      tenant,
      name: 'k',
      scopes,
      createdAtMs: 0,
      expiresAtMs: null,
    },
    sha256: createHash('sha256').update(key).digest('hex'),
    by: 'test',
  };
  controls.apply(controlKeys.key(tenant, record.id), encodeJson(record), 1);
  return controls;
};
const scopesOf = (controls: Controls, key: string): readonly Scope[] | undefined =>
  new Access(new TenantDirectory([]), controls, systemClock).identify(`Bearer ${key}`)?.scopes;

describe('a key of the store', () => {
  it('of a tenant is never an operator’s, whatever its record says', () => {
    expect(scopesOf(keyed(ADA, 'zf_1', ['read', 'admin']), 'zf_1')).toEqual(['read']);
    expect(scopesOf(keyed(null, 'zf_1', ['admin']), 'zf_1')).toEqual(['admin']);
    expect(scopesOf(keyed(ADA, 'zf_1', ['read']), 'zf_2')).toBeUndefined();
  });

  it('is none once its record is gone or cannot be read', () => {
    const controls = keyed(ADA, 'zf_1', ['read']);
    controls.apply(controlKeys.key(ADA, 'abcdefghijkl'), encodeJson({ v: 2 }), 2);
    expect(scopesOf(controls, 'zf_1')).toBeUndefined();
  });
});
