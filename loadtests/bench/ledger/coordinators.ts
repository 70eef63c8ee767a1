/** What the bench asks of the lab's coordinators: where they stand, and what their heap holds. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab, LabCoordinator } from '@zerofleet/launch';

const ANSWER_MS = 5_000;
const HEAP_MS = 60_000;
const LOOK_MS = 10;

/** Environment of a coordinator whose heap can be asked for; `folder` takes the answers. */
export const heapEnv = (folder: string): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${fileURLToPath(new URL('./heap-hook.js', import.meta.url))}`,
  ZF_BENCH_HEAP_DIR: folder,
});

/** What a coordinator's /readyz says of it. */
export interface Details {
  readonly standing: string;
  /** Workers that a leader knows. */
  readonly workers: number;
}

/** Undefined while it does not answer. */
export const detailsOf = async ({ adminUrl }: LabCoordinator): Promise<Details | undefined> => {
  try {
    const answer = await fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return ((await answer.json()) as { details: Details }).details;
  } catch {
    return undefined;
  }
};

export const standingOf = async (coordinator: LabCoordinator): Promise<string | undefined> =>
  (await detailsOf(coordinator))?.standing;

/** Waits until `test` holds, asking often. Throws naming `what` when it does not in time, or the run is interrupted. */
export const waitFor = async (
  what: string,
  test: () => Promise<boolean> | boolean,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  while (!(await test())) {
    if (signal.aborted) throw signal.reason as Error;
    if (performance.now() > deadline) throw new Error(`${what} took longer than ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
};

/** The coordinator that leads. Throws when none does in time. */
export const leaderOf = async (lab: Lab, signal: AbortSignal): Promise<LabCoordinator> => {
  let leader: LabCoordinator | undefined;
  const found = async (): Promise<boolean> => {
    const index = await lab.leader();
    leader = index === undefined ? undefined : lab.coordinators[index];
    return leader !== undefined;
  };
  await waitFor('an election', found, { timeoutMs: HEAP_MS, signal });
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
};

/** Bytes that the coordinator's heap holds after a collection. */
export const heapOf = async (
  { part }: LabCoordinator,
  folder: string,
  signal: AbortSignal,
): Promise<number> => {
  const path = join(folder, `${part.pid ?? 0}.json`);
  rmSync(path, { force: true });
  part.kill('SIGUSR2');
  await waitFor('the heap of a coordinator', () => existsSync(path), { timeoutMs: HEAP_MS, signal });
  return (JSON.parse(readFileSync(path, 'utf8')) as NodeJS.MemoryUsage).heapUsed;
};
