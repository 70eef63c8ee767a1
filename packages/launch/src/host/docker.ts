/** The docker command line, as the launcher uses it. */
import { attempt, run, type ExecOptions, type ExecResult } from '../exec.js';

/** Runs docker and returns its stdout. Throws LaunchError with its last line. */
export const docker = (args: readonly string[], options: ExecOptions = {}): Promise<string> =>
  run('docker', args, { timeoutMs: 60_000, ...options });

/** Runs docker; for calls whose failure means that there was nothing to do. */
export const dockerQuiet = (args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> =>
  attempt('docker', args, { timeoutMs: 60_000, ...options });

/** Whether an engine answers at the default socket, or at DOCKER_HOST. */
export const engineAnswers = async (): Promise<boolean> => {
  const result = await dockerQuiet(['version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 });
  return result.code === 0;
};

/** Whether the engine has the image `reference`. */
export const hasImage = async (reference: string): Promise<boolean> =>
  (await dockerQuiet(['image', 'inspect', '--format', '{{.Id}}', reference])).code === 0;

/** The lines of a listing, without empty ones. */
export const dockerLines = async (
  args: readonly string[],
  options: ExecOptions = {},
): Promise<readonly string[]> => (await docker(args, options)).split('\n').filter((line) => line !== '');
