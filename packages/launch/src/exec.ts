/** Runs other programs: output kept, time bounded, ended with their whole process group when the run is interrupted. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { LaunchError } from './errors.js';

export interface ExecOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the program's group when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** At most this long; default 120 s. */
  readonly timeoutMs?: number;
  /** Written to its stdin. */
  readonly input?: string;
  /** A file that takes its output as well. */
  readonly logFile?: string;
  /** Called with each line of its output as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface ExecResult {
  /** Exit status; 127 when it could not be started, 128 + n after signal n, 124 after the timeout. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 120_000;
/** Output kept of a program, at most; the log file has all of it. */
const KEPT_BYTES = 8 * 1024 * 1024;

const endGroup = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is gone already
  }
};

/** Runs a program and returns how it ended; never throws for its exit status. */
export const attempt = (
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> =>
  new Promise((resolve) => {
    if (options.signal?.aborted === true) return resolve({ code: 130, stdout: '', stderr: 'interrupted' });
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const log =
      options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
    const kept = { stdout: '', stderr: '' };
    let partial = '';
    const keep = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
      log?.write(chunk);
      if (kept[name].length < KEPT_BYTES) kept[name] += chunk.toString('utf8');
      if (options.onLine === undefined) return;
      const lines = (partial + chunk.toString('utf8')).split('\n');
      partial = lines.pop() ?? '';
      lines.forEach(options.onLine);
    };
    child.stdout.on('data', keep('stdout'));
    child.stderr.on('data', keep('stderr'));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endGroup(child.pid, 'SIGKILL');
    }, options.timeoutMs ?? TIMEOUT_MS);
    let hard: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      endGroup(child.pid, 'SIGTERM');
      hard = setTimeout(() => endGroup(child.pid, 'SIGKILL'), 5_000);
    };
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const finish = (code: number): void => {
      clearTimeout(timer);
      clearTimeout(hard);
      options.signal?.removeEventListener('abort', onAbort);
      log?.end();
      resolve({ code, ...kept });
    };
    child.on('error', (error) => {
      kept.stderr += error.message;
      finish(127);
    });
    child.on('close', (status, signal) =>
      finish(late ? 124 : (status ?? (signal === 'SIGKILL' ? 137 : 143))),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });

/** The last line of a program's output that says something. */
export const lastLine = (result: ExecResult): string => {
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1)?.trim() ?? `exit status ${result.code}`;
};

/** Runs a program and returns its stdout, trimmed. Throws LaunchError with its last line when it fails. */
export const run = async (
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<string> => {
  const result = await attempt(command, args, options);
  if (result.code === 0) return result.stdout.trim();
  const what = [command, ...args.slice(0, 3)].join(' ');
  const why = result.code === 124 ? 'took too long' : lastLine(result);
  const where = options.logFile === undefined ? '' : `; its output is in ${options.logFile}`;
  throw new LaunchError(`'${what}' failed: ${why}${where}`);
};

/** The path of `program` on PATH (and in sbin, which is not always on it), or undefined. */
export const which = async (program: string): Promise<string | undefined> => {
  const result = await attempt('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v "$1"`, 'sh', program]);
  return result.code === 0 ? result.stdout.trim() : undefined;
};

export const isRoot = (): boolean => process.getuid?.() === 0;

/** Resolves after `ms`. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks `test` every `everyMs` until it says true; false when `timeoutMs` went by, or `signal` fired, first. */
export const until = async (
  test: () => Promise<boolean>,
  options: {
    readonly timeoutMs: number;
    readonly everyMs?: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<boolean> => {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    if (options.signal?.aborted === true) return false;
    if (await test()) return true;
    if (Date.now() >= deadline) return false;
    await sleep(options.everyMs ?? 100);
  }
};
