/**
 * One child process of an embedded fleet, kept running.
 *
 * P1  A part that ends by itself is started again, after 0.2 s at first and 5 s at most where its spec says nothing else;
 *     stop() ends that.
 * P2  A part is in a process group of its own: a Ctrl-C at the terminal reaches only the launcher, which stops parts in order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { LaunchError } from '../errors.js';
import { sleep, until } from '../exec.js';

const BACKOFF_MS = { first: 200, most: 5_000 } as const;
/** A part that ran this long starts with the first pause again. */
const STEADY_MS = 10_000;
const TERM_MS = 15_000;

export interface PartSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Whether it is up; asked until it is. */
  readonly ready: () => Promise<boolean>;
  readonly readyMs: number;
  /** Pause before it is started again, in ms; default 0.2 s at first and 5 s at most. */
  readonly againMs?: number;
}

export class Part {
  readonly name: string;
  private spec: PartSpec;
  private readonly report: (line: string) => void;
  private child: ChildProcess | undefined;
  private wanted = false;
  private pauseMs: number = BACKOFF_MS.first;

  constructor(spec: PartSpec, report: (line: string) => void) {
    this.name = spec.name;
    this.spec = spec;
    this.report = report;
  }

  /** The process's id; undefined while it does not run. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  get logFile(): string {
    return this.spec.logFile;
  }

  /** Starts it and waits until it is ready. Throws LaunchError with its last log line. */
  async start(signal?: AbortSignal): Promise<void> {
    this.wanted = true;
    if (this.child === undefined) this.spawn();
    const first = this.pid;
    const up = async (): Promise<boolean> => {
      if (this.pid === undefined || this.pid !== first)
        throw new LaunchError(`${this.name} ended at its start: ${this.lastLog()}`);
      return this.spec.ready();
    };
    try {
      if (await until(up, { timeoutMs: this.spec.readyMs, everyMs: 50, signal })) return;
    } catch (error) {
      this.wanted = false;
      throw error;
    }
    if (signal?.aborted === true) throw signal.reason as Error;
    throw new LaunchError(
      `${this.name} was not ready after ${this.spec.readyMs / 1000} s: ${this.lastLog()}; see ${this.logFile}`,
    );
  }

  /** Waits until it is ready, through restarts; false when that takes longer than `timeoutMs`. */
  ready(timeoutMs = this.spec.readyMs): Promise<boolean> {
    return until(async () => this.pid !== undefined && (await this.spec.ready()), { timeoutMs, everyMs: 50 });
  }

  /**
   * Sends a signal to the process itself; it is started again when that ends it. SIGSTOP holds it until SIGCONT. Returns
   * the pid that got it; undefined while none runs.
   */
  kill(signal: NodeJS.Signals = 'SIGKILL'): number | undefined {
    return this.child?.kill(signal) === true ? this.child.pid : undefined;
  }

  /** Ends it in order, or with SIGKILL after 15 s, and keeps it down. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.wanted = false;
    const child = this.child;
    const pid = child?.pid;
    if (child === undefined || pid === undefined) return;
    child.kill(signal);
    // A process that a SIGSTOP holds would take the signal only when it goes on.
    child.kill('SIGCONT');
    // A zombie is gone and not yet known as such: only then may it be started again.
    const gone = (): Promise<boolean> => Promise.resolve(this.child !== child);
    if (await until(gone, { timeoutMs: TERM_MS, everyMs: 20 })) return;
    this.report(`${this.name} did not end within ${TERM_MS / 1000} s and is killed`);
    child.kill('SIGKILL');
    await until(gone, { timeoutMs: TERM_MS, everyMs: 20 });
  }

  /** Ends it and starts it again at once. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** Ends it in order and starts it with `env` besides what it had: as a deploy of another release does. */
  async deploy(env: Readonly<Record<string, string>>): Promise<void> {
    await this.stop();
    this.spec = { ...this.spec, env: { ...this.spec.env, ...env } };
    await this.start();
  }

  private spawn(): void {
    const log = openSync(this.spec.logFile, 'a');
    const startedAt = Date.now();
    const child = spawn(this.spec.command, this.spec.args, {
      env: this.spec.env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.child = child;
    const ended = (how: string): void => {
      if (this.child !== child) return;
      this.child = undefined;
      if (this.wanted) void this.again(how, Date.now() - startedAt);
    };
    child.on('error', (error) => ended(error.message));
    child.on('exit', (code, signal) => ended(signal ?? `exit ${code ?? 0}`));
  }

  private async again(how: string, ranMs: number): Promise<void> {
    this.pauseMs = ranMs >= STEADY_MS ? BACKOFF_MS.first : this.pauseMs;
    const pause = this.spec.againMs ?? this.pauseMs;
    this.pauseMs = Math.min(this.pauseMs * 2, BACKOFF_MS.most);
    this.report(`${this.name} ended (${how}) and starts again in ${pause / 1000} s: ${this.lastLog()}`);
    await sleep(pause);
    if (this.wanted && this.child === undefined) this.spawn();
  }

  private lastLog(): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
    } catch {
      return 'no log';
    }
  }
}
