/**
 * Who may call: tenants and the hashes of their API keys, from a file that ops keep as a Swarm secret.
 *
 * K1  Keys are 256 random bits, so a plain SHA-256 is enough; the key itself is stored nowhere.
 * K2  A look-up goes by hash: how long it takes says nothing about the keys there are.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TenantId } from '@zerofleet/model';
import { jsonParser, TenantIdShape } from '@zerofleet/protocol';
import { ConfigError } from '@zerofleet/runtime';
import { Type } from 'typebox';

const TenantsFileShape = Type.Object(
  {
    tenants: Type.Array(
      Type.Object(
        {
          id: TenantIdShape,
          keys: Type.Array(
            Type.Object(
              { name: Type.String({ minLength: 1 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const parse = jsonParser(TenantsFileShape);

export class TenantDirectory {
  private readonly byHash: ReadonlyMap<string, TenantId>;

  constructor(byHash: ReadonlyMap<string, TenantId>) {
    this.byHash = byHash;
  }

  /** Reads the file in `path`. Throws ConfigError that names ZF_TENANTS_FILE. */
  static fromFile(path: string): TenantDirectory {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      throw new ConfigError(
        `ZF_TENANTS_FILE cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
      );
    }
    const parsed = parse(bytes);
    if (!parsed.ok) throw new ConfigError(`ZF_TENANTS_FILE is not a tenants file: ${parsed.reason}`);
    const byHash = new Map<string, TenantId>();
    for (const tenant of parsed.value.tenants) {
      for (const key of tenant.keys) {
        if (byHash.has(key.sha256))
          throw new ConfigError(`ZF_TENANTS_FILE: the key '${key.name}' is there twice`);
        byHash.set(key.sha256, tenant.id);
      }
    }
    return new TenantDirectory(byHash);
  }

  /** The tenant whose key stands in an Authorization header, if it is one. */
  authenticate(authorization: string | undefined): TenantId | undefined {
    const key = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? '')?.[1];
    return key === undefined ? undefined : this.byHash.get(createHash('sha256').update(key).digest('hex'));
  }
}
