/** The Redis connection of a process. Redis holds nothing that cannot be lost (I8), so no command ever waits for it. */
import { Redis } from 'ioredis';
import { readSecret, type ConfigSchema } from './config.js';
import type { Logger } from './logger.js';

export type { Redis } from 'ioredis';

export interface RedisConfig {
  redisUrl: string;
  redisPasswordFile: string;
}

export const redisSchema: ConfigSchema<RedisConfig> = {
  redisUrl: {
    doc: 'The Redis server',
    format: 'required',
    default: 'redis://127.0.0.1:6379',
    env: 'ZF_REDIS_URL',
  },
  redisPasswordFile: {
    doc: 'File that holds the Redis password',
    format: String,
    default: '',
    env: 'ZF_REDIS_PASSWORD_FILE',
  },
};

/** A client that fails a command at once while Redis is away, and reconnects for ever. */
export const connectRedis = (config: RedisConfig, log: Logger): Redis => {
  const password = readSecret(config.redisPasswordFile, 'ZF_REDIS_PASSWORD_FILE');
  const redis = new Redis(config.redisUrl, {
    ...(password === '' ? {} : { password }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 500,
    connectTimeout: 2_000,
    retryStrategy: (times: number) => Math.min(250 * times, 2_000),
  });
  let connected = false;
  redis.on('ready', () => {
    connected = true;
    log.info('redis_connected');
  });
  redis.on('close', () => {
    if (connected) log.warn('redis_disconnected');
    connected = false;
  });
  redis.on('error', (error: Error) => log.debug({ error: error.message }, 'redis_error'));
  return redis;
};
