import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, systemClock } from '@zerofleet/runtime';
import { Controls } from '../controls/controls.js';
import { Access } from './access.js';
import { TenantDirectory } from './tenants.js';

const folder = mkdtempSync(join(tmpdir(), 'zerofleet-tenants-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const hash = (key: string): string => createHash('sha256').update(key).digest('hex');
const read = (content: unknown): TenantDirectory => {
  const path = join(folder, 'tenants.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return TenantDirectory.fromFiles(path, '');
};
const whoIs = (directory: TenantDirectory): ((authorization?: string) => string | null | undefined) => {
  const access = new Access(directory, new Controls(), systemClock);
  return (authorization) => access.identify(authorization)?.tenant;
};
const TENANTS = {
  tenants: [
    {
      id: 'ada',
      keys: [
        { name: 'old', sha256: hash('zf_1') },
        { name: 'new', sha256: hash('zf_2') },
      ],
    },
    { id: 'bob', keys: [{ name: 'one', sha256: hash('zf_3') }] },
    { id: 'nobody', keys: [] },
  ],
};

describe('the tenant directory', () => {
  it('knows a tenant by each of its keys, whatever the case of the scheme', () => {
    const tenantOf = whoIs(read(TENANTS));
    expect(tenantOf('Bearer zf_1')).toBe('ada');
    expect(tenantOf('bearer zf_2')).toBe('ada');
    expect(tenantOf('BEARER zf_3')).toBe('bob');
  });

  it('knows nobody by anything else', () => {
    const tenantOf = whoIs(read(TENANTS));
    const hashes = TENANTS.tenants.flatMap((tenant) => tenant.keys.map((key) => key.sha256));
    const odd = [undefined, '', 'zf_1', 'Bearer', 'Bearer ', 'Bearer  zf_1', 'Bearer zf_1 ', 'Basic zf_1'];
    for (const header of [...odd, ...hashes.map((one) => `Bearer ${one}`)])
      expect(tenantOf(header)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!['zf_1', 'zf_2', 'zf_3'].includes(text));
        expect(tenantOf(`Bearer ${text}`)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['a file that is not JSON', '{'],
    ['another shape', { tenants: {} }],
    ['a bad tenant id', { tenants: [{ id: 'Ada', keys: [] }] }],
    ['a key instead of its hash', { tenants: [{ id: 'ada', keys: [{ name: 'k', sha256: 'zf_1' }] }] }],
    [
      'a key of two tenants',
      {
        tenants: ['ada', 'bob'].map((id) => ({ id, keys: [{ name: 'k', sha256: hash('zf_1') }] })),
      },
    ],
  ])('does not start with %s', (_what, content) => {
    expect(() => read(content)).toThrow(ConfigError);
    expect(() => read(content)).toThrow(/^ZF_TENANTS_FILE[^\n]*$/);
  });

  it('says why a file cannot be read', () => {
    expect(() => TenantDirectory.fromFiles(join(folder, 'missing'), '')).toThrow(
      'ZF_TENANTS_FILE cannot be read: ENOENT',
    );
  });

  it('knows operators by a file of their own, and no tenant by it', () => {
    const [tenants, operators] = [join(folder, 'tenants.json'), join(folder, 'operators.json')];
    writeFileSync(tenants, JSON.stringify(TENANTS));
    writeFileSync(operators, JSON.stringify({ operators: [{ name: 'root', sha256: hash('zf_root') }] }));
    const tenantOf = whoIs(TenantDirectory.fromFiles(tenants, operators));
    expect(tenantOf('Bearer zf_root')).toBeNull();
    expect(tenantOf('Bearer zf_1')).toBe('ada');
    writeFileSync(operators, JSON.stringify({ operators: [{ name: 'root', sha256: hash('zf_1') }] }));
    expect(() => TenantDirectory.fromFiles(tenants, operators)).toThrow(
      /^ZF_TENANTS_FILE, ZF_OPERATORS_FILE[^\n]*$/,
    );
    writeFileSync(operators, '{}');
    expect(() => TenantDirectory.fromFiles(tenants, operators)).toThrow(/^ZF_OPERATORS_FILE is not[^\n]*$/);
  });
});
