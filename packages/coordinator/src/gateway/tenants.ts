/**
 * Keys that ops keep in files, as Swarm secrets: those of tenants that need no store, and the first ones of operators.
 * The files hold hashes; they are read at the start, so a key in one is revoked by a new secret and a restart. Operators have a
 * file of their own: the release before reads the tenants' file, and knows no operators.
 *
 * K1  Keys are 256 random bits, so a plain SHA-256 is enough; the key itself is stored nowhere.
 */
import { readFileSync } from 'node:fs';
import { TENANT_SCOPES, type Scope, type TenantId } from '@zerofleet/model';
import { jsonParser, ScopeShape, TenantIdShape, TitleShape, type Parsed } from '@zerofleet/protocol';
import { ConfigError } from '@zerofleet/runtime';
import { Type } from 'typebox';

const strict = { additionalProperties: false };
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const TenantKeyShape = Type.Object(
  { name: TitleShape, sha256, scopes: Type.Optional(Type.Array(ScopeShape, { minItems: 1 })) },
  strict,
);
const TenantsFileShape = Type.Object(
  { tenants: Type.Array(Type.Object({ id: TenantIdShape, keys: Type.Array(TenantKeyShape) }, strict)) },
  strict,
);
const OperatorsFileShape = Type.Object(
  { operators: Type.Array(Type.Object({ name: TitleShape, sha256 }, strict)) },
  strict,
);
const parseTenants = jsonParser(TenantsFileShape);
const parseOperators = jsonParser(OperatorsFileShape);

/** A key of the file. `tenant` is null for an operator's. */
export interface FileKey {
  readonly tenant: TenantId | null;
  readonly name: string;
  readonly sha256: string;
  readonly scopes: readonly Scope[];
}

export class TenantDirectory {
  readonly keys: readonly FileKey[];
  private readonly byHash = new Map<string, FileKey>();

  /** Throws ConfigError for a key that is there twice. */
  constructor(keys: readonly FileKey[]) {
    this.keys = keys;
    for (const key of keys) {
      if (this.byHash.has(key.sha256))
        throw new ConfigError(`ZF_TENANTS_FILE, ZF_OPERATORS_FILE: the key '${key.name}' is there twice`);
      this.byHash.set(key.sha256, key);
    }
  }

  /** Reads both files; an empty path of operators' is none. Throws ConfigError that names the variable. */
  static fromFiles(tenantsPath: string, operatorsPath: string): TenantDirectory {
    const { tenants } = readFile(tenantsPath, 'ZF_TENANTS_FILE', 'a tenants file', parseTenants);
    const { operators } =
      operatorsPath === ''
        ? { operators: [] }
        : readFile(operatorsPath, 'ZF_OPERATORS_FILE', 'an operators file', parseOperators);
    const ofTenants = tenants.flatMap(({ id, keys }) =>
      keys.map(({ name, sha256: hash, scopes }) => ({
        tenant: id,
        name,
        sha256: hash,
        scopes: (scopes ?? TENANT_SCOPES).filter((scope) => scope !== 'admin'),
      })),
    );
    const ofOperators = operators.map((key) => ({ ...key, tenant: null, scopes: ['admin'] as const }));
    return new TenantDirectory([...ofTenants, ...ofOperators]);
  }

  find(hash: string): FileKey | undefined {
    return this.byHash.get(hash);
  }

  /** Tenants that the file names. */
  get tenants(): ReadonlySet<TenantId> {
    return new Set(this.keys.flatMap(({ tenant }) => tenant ?? []));
  }
}

const readFile = <T>(
  path: string,
  variable: string,
  what: string,
  parse: (bytes: Uint8Array) => Parsed<T>,
): T => {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${variable} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`);
  }
  const parsed = parse(bytes);
  if (parsed.ok) return parsed.value;
  throw new ConfigError(`${variable} is not ${what}: ${parsed.reason}`);
};
