/** What a child process says next. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The next message of `child`. Throws when it ends instead; it says at the terminal why. */
export const nextMessage = async <T>(child: ChildProcess): Promise<T> => {
  const over = new AbortController();
  const { signal } = over;
  const message = once(child, 'message', { signal }).then(([value]) => value as T);
  const end = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${child.spawnargs.join(' ')} ended`);
  });
  try {
    return await Promise.race([message, end]);
  } finally {
    over.abort();
  }
};
