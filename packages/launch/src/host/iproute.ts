/** The `ip` program, for tests that make networks of their own. */
import { which } from '../exec.js';
import { aptInstall } from './apt.js';

/** Installs it where it is missing. Throws LaunchError. */
export const ensureIproute = async (): Promise<void> => {
  if ((await which('ip')) === undefined) await aptInstall(['iproute2'], 'iproute2');
};
