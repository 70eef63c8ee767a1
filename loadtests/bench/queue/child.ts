/** A producer or worker process, as the bench sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import type { Session } from '@zerofleet/launch';
import type { Role } from './client.js';
import type { ClosedLoad, ClosedResult, OpenLoad, OpenResult } from './drive.js';
import type { Answer, Task, TaskResult } from './task.js';

/** What a task may take at most, in ms: more than any load with its drain. */
const TASK_MS = 180_000;
/** A process that does not end by itself when it is alone is killed after so long, in ms. */
const STOP_MS = 5_000;

export class Child {
  private readonly process: ChildProcess;
  private readonly session: Session;

  /** Forks `./NAME.js`; it goes with the session. */
  constructor(session: Session, name: 'producer' | 'worker') {
    session.check();
    this.session = session;
    this.process = fork(new URL(`./${name}.js`, import.meta.url), { execArgv: execArgvOf(name) });
    this.process.on('error', () => undefined);
    session.atEnd(`the ${name}`, () => this.stop());
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  async start(role: Role): Promise<void> {
    await this.ask({ kind: 'start', role });
  }

  async closed(load: Omit<ClosedLoad, 'kind'>): Promise<ClosedResult> {
    return (await this.ask({ kind: 'closed', ...load })) as ClosedResult;
  }

  async open(load: Omit<OpenLoad, 'kind'>): Promise<OpenResult> {
    return (await this.ask({ kind: 'open', ...load })) as OpenResult;
  }

  /** Ends it; safe to call more than once. */
  stop(): Promise<void> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      if (child.connected) child.disconnect();
    });
  }

  /** The task's result. Throws when it fails, takes too long, the process ends or the session is interrupted. */
  private async ask(task: Task): Promise<TaskResult> {
    const { process: child, session } = this;
    session.check();
    const over = new AbortController();
    try {
      return await new Promise((resolve, reject) => {
        const { signal } = over;
        const fail = (why: string) => () => reject(new Error(why));
        const onMessage = (answer: Answer): void =>
          answer.ok ? resolve(answer.result) : reject(new Error(answer.why));
        child.once('message', onMessage as (message: unknown) => void);
        const onExit = fail(`a process ended during '${task.kind}'`);
        child.once('exit', onExit);
        const onAbort = (): void => reject(session.signal.reason as Error);
        session.signal.addEventListener('abort', onAbort, { signal });
        const timer = setTimeout(fail(`'${task.kind}' took longer than ${TASK_MS} ms`), TASK_MS);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          child.off('exit', onExit);
          child.off('message', onMessage as (message: unknown) => void);
        });
        child.send(task);
      });
    } finally {
      over.abort();
    }
  }
}

/** ZF_BENCH_PROFILE: a folder that takes a CPU profile of each process. */
const execArgvOf = (name: string): string[] => {
  const folder = process.env['ZF_BENCH_PROFILE'];
  return folder === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`];
};
