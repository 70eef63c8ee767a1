/**
 * Where the fleet is and who asks: global options before environment before defaults. No other file reads either.
 *
 * G1  A key is never taken from an argument: arguments are seen by every user of the machine.
 */
import { readFileSync, statSync } from 'node:fs';
import { parseDuration } from './duration.js';
import { UsageError } from './failure.js';

/** Where `npm start` puts the tenant API. */
const URL_DEFAULT = 'http://127.0.0.1:8080';
const OTHERS_MAY_READ = 0o044;

export interface GlobalOptions {
  readonly url?: string[];
  readonly keyFile?: string;
  readonly json?: boolean;
  readonly retry: string;
}

export interface Settings {
  readonly urls: readonly string[];
  readonly apiKey: string;
  /** How long a call may spend on being tried again, in ms. */
  readonly retryBudgetMs: number;
  /** One line that a person should see; undefined where all is well. */
  readonly warning: string | undefined;
}

/** The settings of a call. Throws UsageError where no key is given or its file cannot be read. */
export const settingsOf = (options: GlobalOptions, env: NodeJS.ProcessEnv): Settings => {
  const listed = (env['ZEROFLEET_URL'] ?? '').split(',').map((url) => url.trim());
  const fromEnv = listed.filter((url) => url !== '');
  const urls = options.url ?? (fromEnv.length > 0 ? fromEnv : [URL_DEFAULT]);
  const retryBudgetMs = parseDuration('--retry', options.retry);
  if (options.keyFile !== undefined) return { urls, retryBudgetMs, ...keyIn(options.keyFile) };
  const apiKey = env['ZEROFLEET_API_KEY'] ?? '';
  if (apiKey !== '') return { urls, apiKey, retryBudgetMs, warning: undefined };
  throw new UsageError('no API key was given; set ZEROFLEET_API_KEY or give --key-file PATH');
};

const keyIn = (path: string): { apiKey: string; warning: string | undefined } => {
  let apiKey: string;
  let mode: number;
  try {
    apiKey = readFileSync(path, 'utf8').trim();
    ({ mode } = statSync(path));
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(
      `the key file ${path} cannot be read (${why}); give --key-file a file that holds the key alone`,
    );
  }
  if (apiKey === '') throw new UsageError(`the key file ${path} is empty; it must hold the key alone`);
  const open = (mode & OTHERS_MAY_READ) !== 0;
  return { apiKey, warning: open ? `others may read the key file ${path}; chmod 600 it` : undefined };
};
