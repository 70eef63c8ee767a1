/** What each job of a scenario is asked, and how its outcome is told to be its own. */
import type { JsonObject } from '@zerofleet/model';
import { chunkBytes, type JobView } from '@zerofleet/protocol';

export interface Workload {
  readonly tool: string;
  /** Arguments of the job with number `n` of its run; no two numbers give the same outcome. */
  readonly argumentsOf: (n: number) => JsonObject;
  /** What of a succeeded job is not what number `n` must bring; undefined where all is right. */
  readonly wrongIn: (job: JobView, n: number) => string | undefined;
}

const textOf = (n: number): string => `job ${n}`;

const stdoutOf = (job: JobView): string =>
  Buffer.concat(
    (job.output?.chunks ?? []).filter(({ stream }) => stream === 'stdout').map(chunkBytes),
  ).toString('utf8');

const unless = (right: boolean, what: string): string | undefined => (right ? undefined : what);

const echo: Workload = {
  tool: 'echo',
  argumentsOf: (n) => ({ text: textOf(n) }),
  wrongIn: (job, n) =>
    unless(
      JSON.stringify(job.result) === JSON.stringify({ text: textOf(n) }),
      `result ${JSON.stringify(job.result)}`,
    ),
};

const codeExecution: Workload = {
  tool: 'code_execution',
  argumentsOf: (n) => ({ runtime: 'terminal', code: `echo '${textOf(n)}'` }),
  wrongIn: (job, n) =>
    unless(stdoutOf(job) === `${textOf(n)}\n`, `output ${JSON.stringify(stdoutOf(job).slice(0, 100))}`),
};

/** The workloads by tool. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map(
  [echo, codeExecution].map((one) => [one.tool, one]),
);
