import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  hashOfKey,
  newApiKey,
  newPassword,
  operatorsFile,
  tenantEntry,
  tenantsFile,
  writeSecret,
} from './keys.js';

describe('keys', () => {
  it('have 256 random bits behind a prefix', () => {
    expect(newApiKey()).toMatch(/^zf_[A-Za-z0-9_-]{43}$/);
    expect(newApiKey()).not.toBe(newApiKey());
    expect(newPassword()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('stand in the tenants file as hashes only', () => {
    const apiKey = newApiKey();
    const operatorKey = newApiKey();
    const file = tenantsFile([{ tenant: 'demo', apiKey }]);
    const operators = operatorsFile(operatorKey);
    expect(JSON.parse(file)).toEqual({
      tenants: [{ id: 'demo', keys: [{ name: 'first', sha256: hashOfKey(apiKey) }] }],
    });
    expect(JSON.parse(operators)).toEqual({
      operators: [{ name: 'first', sha256: hashOfKey(operatorKey) }],
    });
    for (const key of [apiKey, operatorKey]) expect(file + operators).not.toContain(key);
    expect(hashOfKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(tenantEntry('x', 'abc', 'second').keys[0]?.name).toBe('second');
  });

  it('are written for their owner only', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zf-keys-'));
    const path = writeSecret(join(folder, 'sub', 'key'), 'secret');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true, force: true });
  });
});
