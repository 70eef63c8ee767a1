/** What the bench and its producer and worker processes say to each other by IPC. */
import type { Role } from './client.js';
import type { ClosedLoad, ClosedResult, OpenLoad, OpenResult } from './drive.js';

export type Task = { readonly kind: 'start'; readonly role: Role } | ClosedLoad | OpenLoad;
export type TaskResult = null | ClosedResult | OpenResult;
export type Answer =
  { readonly ok: true; readonly result: TaskResult } | { readonly ok: false; readonly why: string };

/** Answers the parent's tasks one after the other; the process ends with its parent. */
export const serveTasks = (perform: (task: Task) => Promise<TaskResult>): void => {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (task: Task) => {
    const answer = (content: Answer): void => void process.send?.(content);
    perform(task).then(
      (result) => answer({ ok: true, result }),
      (error: unknown) => answer({ ok: false, why: error instanceof Error ? error.message : String(error) }),
    );
  });
};
