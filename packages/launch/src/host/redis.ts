/** The Redis server for the embedded fleet. */
import { which } from '../exec.js';
import { aptInstall } from './apt.js';

/** The path of redis-server; installs Debian's as root. Throws LaunchError that says what to install. */
export const ensureRedis = async (): Promise<string> => {
  const present = await which('redis-server');
  if (present !== undefined) return present;
  await aptInstall(['redis-server'], 'redis-server');
  return (await which('redis-server')) ?? 'redis-server';
};
