/** What a fleet of child processes takes from the machine: a folder for its data, a few environment variables. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../session.js';

/** A new folder below the temp folder that goes with the session. Throws Interrupted after a signal. */
export const temporaryFolder = (session: Session): string => {
  session.check();
  const folder = mkdtempSync(join(tmpdir(), 'zerofleet-'));
  // Jobs run as another user when we are root, and their folders are in here.
  chmodSync(folder, 0o711);
  try {
    session.make({ kind: 'folder', path: folder });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
};

/** The few variables that child processes take from the launcher's own environment. */
export const inheritedEnv = (): NodeJS.ProcessEnv => {
  const names = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'DOCKER_HOST', 'ZF_LOG_LEVEL'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
};
