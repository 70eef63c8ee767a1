/**
 * Sealing of tenants' secrets: AES-256-GCM with keys that only coordinators and workers are given, as a Swarm secret.
 *
 * S1  What is sealed opens only as the secret of that name of that tenant: both are authenticated with it.
 * S2  The first key of the file seals, all of them open: a key is rotated by putting a new one in front.
 * S3  No error says anything of a value or of a key.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ConfigError, readSecret, type ConfigSchema } from './config.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = '1';
const LINE = /^([a-z0-9]{1,16}):([0-9a-f]{64})$/;

/** Keys of a process that seals or opens secrets. */
export interface SecretsConfig {
  secretsKeyFile: string;
}

export const secretsSchema: ConfigSchema<SecretsConfig> = {
  secretsKeyFile: {
    doc: "File of the keys that tenants' secrets are sealed with: `id:64 hex digits` a line, the newest first; empty for none",
    format: String,
    default: '',
    env: 'ZF_SECRETS_KEY_FILE',
  },
};

/** A sealed text that does not open: of another secret, of a key that is gone, or none at all. */
export class SealError extends Error {
  readonly code = 'seal_broken';
}

/** Whose secret it is, and its name. */
export interface SecretOf {
  readonly tenant: string;
  readonly name: string;
}

export class Sealer {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly newest: string;

  private constructor(keys: ReadonlyMap<string, Buffer>, newest: string) {
    this.keys = keys;
    this.newest = newest;
  }

  /** The sealer of the keys in `path`; undefined for an empty path. Throws ConfigError that names ZF_SECRETS_KEY_FILE. */
  static fromFile(path: string): Sealer | undefined {
    if (path === '') return undefined;
    const keys = new Map<string, Buffer>();
    for (const line of readSecret(path, 'ZF_SECRETS_KEY_FILE').split('\n')) {
      const [, id, hex] = LINE.exec(line.trim()) ?? [];
      if (id === undefined || hex === undefined || keys.has(id))
        throw new ConfigError('ZF_SECRETS_KEY_FILE must hold lines of `id:64 hex digits`, each id once');
      keys.set(id, Buffer.from(hex, 'hex'));
    }
    const [newest = ''] = keys.keys();
    return new Sealer(keys, newest);
  }

  /** `value` so that it opens only here, and only as this secret. */
  seal(of: SecretOf, value: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.keyOf(this.newest), nonce).setAAD(aadOf(of));
    const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
    const text = Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
    return `${VERSION}.${this.newest}.${text}`;
  }

  /** The value of this secret. Throws SealError. */
  open(of: SecretOf, sealed: string): string {
    const [version, id = '', text = ''] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    if (version !== VERSION || bytes.byteLength < NONCE_BYTES + TAG_BYTES)
      throw new SealError('it is not sealed in a form that this release knows');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, this.keyOf(id), nonce, { authTagLength: TAG_BYTES })
      .setAAD(aadOf(of))
      .setAuthTag(tag);
    try {
      const opened = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([opened, decipher.final()]).toString('utf8');
    } catch {
      throw new SealError('it was sealed for another tenant or name, or was changed');
    }
  }

  private keyOf(id: string): Buffer {
    const key = this.keys.get(id);
    if (key === undefined) throw new SealError('the key that it was sealed with is not there any more');
    return key;
  }
}

/** No tenant and no name holds a space. */
const aadOf = ({ tenant, name }: SecretOf): Buffer => Buffer.from(`${VERSION} ${tenant} ${name}`, 'utf8');
