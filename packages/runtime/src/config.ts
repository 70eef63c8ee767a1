/**
 * Config by convict, strictly: a documented schema an app, values from the environment only, relations checked.
 * Whatever is wrong is said in one line that names the key.
 */
import { readFileSync } from 'node:fs';
import convict from 'convict';

/** A config value that cannot be used. The message is one line and names the environment variable. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
}

/** An empty text is no number: `${VAR:-}` in a stack file must not mean 0. */
const toNumber = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

convict.addFormats({
  port: { validate: (value: unknown) => expectInteger(value, 0, 65_535), coerce: toNumber },
  count: { validate: (value: unknown) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER), coerce: toNumber },
  positive: {
    validate: (value: unknown) => expectInteger(value, 1, Number.MAX_SAFE_INTEGER),
    coerce: toNumber,
  },
  shard: {
    validate: (value: unknown) => expectPattern(value, /^[a-z0-9]{1,16}$/, '1-16 characters of a-z 0-9'),
  },
  label: {
    validate: (value: unknown) =>
      expectPattern(value, /^[a-z0-9][a-z0-9-]{0,62}$/, '1-63 characters of a-z 0-9 -'),
  },
  required: { validate: (value: unknown) => expectPattern(value, /./, 'set') },
});

const expectInteger = (value: unknown, min: number, max: number): void => {
  if (!Number.isInteger(value) || Number(value) < min || Number(value) > max)
    throw new Error(`must be a whole number from ${min} to ${max}`);
};

const expectPattern = (value: unknown, pattern: RegExp, what: string): void => {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Error(`must be ${what}`);
};

/** Where environment variables come from: `process.env`, or a test's record. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One key of a schema. Every key is documented and has an environment variable. */
export interface ConfigKey<T> {
  readonly doc: string;
  readonly format: unknown;
  readonly default: T;
  readonly env: string;
  readonly sensitive?: boolean;
}
export type ConfigSchema<T> = { readonly [K in keyof T]: ConfigKey<T[K]> };

/** The checked config of `schema`. Throws ConfigError. `relations` returns one line about the first broken relation. */
export const loadConfig = <T extends object>(
  schema: ConfigSchema<T>,
  env: Environment,
  relations: (config: T) => string | undefined = () => undefined,
): Readonly<T> => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const config = convict(schema as convict.Schema<T>, { env: set, args: [] });
  try {
    config.validate({ allowed: 'strict' });
  } catch (error) {
    throw new ConfigError(describe(error, schema));
  }
  const values = config.getProperties();
  const broken = relations(values);
  if (broken !== undefined) throw new ConfigError(broken);
  return Object.freeze(values);
};

/** Names the environment variables of the keys that convict complains about, and never prints a sensitive value. */
const describe = <T>(error: unknown, schema: ConfigSchema<T>): string => {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n');
  const known = Object.entries<ConfigKey<unknown>>(schema as Record<string, ConfigKey<unknown>>);
  return lines
    .map((line) => {
      const key = known.find(([name]) => line.trim().startsWith(`${name}:`));
      if (key === undefined) return line.trim();
      const reason = line
        .trim()
        .slice(key[0].length + 1)
        .trim();
      return `${key[1].env} ${key[1].sensitive === true ? reason.replace(/: value was.*$/s, '') : reason}`;
    })
    .filter((line) => line !== '')
    .join('; ');
};

/** The secret in `path`, without its trailing newline; '' for an empty path. Throws ConfigError naming `env`. */
export const readSecret = (path: string, env: string): string => {
  if (path === '') return '';
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    throw new ConfigError(
      `${env} names a file that cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
    );
  }
};

/** Keys that every process has. */
export interface CommonConfig {
  shard: string;
  logLevel: string;
  adminHost: string;
  adminPort: number;
}

export const commonSchema = (adminPort: number): ConfigSchema<CommonConfig> => ({
  shard: {
    doc: 'The scheduling domain this process belongs to',
    format: 'shard',
    default: 's0',
    env: 'ZF_SHARD',
  },
  logLevel: {
    doc: 'Least severe level that is logged',
    format: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    default: 'info',
    env: 'ZF_LOG_LEVEL',
  },
  adminHost: {
    doc: 'Address of the second listener: metrics, health, readiness',
    format: String,
    default: '127.0.0.1',
    env: 'ZF_ADMIN_HOST',
  },
  adminPort: {
    doc: 'Its port; 0 takes a free one',
    format: 'port',
    default: adminPort,
    env: 'ZF_ADMIN_PORT',
  },
});

/** Keys of a process that talks to NATS. */
export interface NatsConfig {
  natsUrl: string;
  natsUser: string;
  natsPasswordFile: string;
}

export const natsSchema: ConfigSchema<NatsConfig> = {
  natsUrl: {
    doc: 'NATS servers, comma separated',
    format: 'required',
    default: 'nats://127.0.0.1:4222',
    env: 'ZF_NATS_URL',
  },
  natsUser: { doc: 'NATS user; empty for none', format: String, default: '', env: 'ZF_NATS_USER' },
  natsPasswordFile: {
    doc: 'File that holds the NATS password',
    format: String,
    default: '',
    env: 'ZF_NATS_PASSWORD_FILE',
  },
};
