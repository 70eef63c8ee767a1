/** The one place of the launcher that writes to the terminal. */

const began = Date.now();

/** One line for people, on stdout. */
export const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** One line about something that people should know or do, on stderr. */
export const warn = (line: string): void => {
  process.stderr.write(`warning: ${line}\n`);
};

/** One line about a failure, on stderr. */
export const fail = (line: string): void => {
  process.stderr.write(`zerofleet: ${line}\n`);
};

/** Milliseconds as seconds with one decimal: `1.2 s`. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Time since the launcher began, for lines that arrive one by one: `+1.23s`. */
export const stamp = (): string => `+${((Date.now() - began) / 1000).toFixed(2)}s`;

/** What a step may report while it works: a few words that replace the last ones. */
export type Progress = (detail: string) => void;

/** Runs `work` under a line that shows the seconds so far; on a pipe it prints a line every 10 s instead. */
export const step = async <T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> => {
  const start = Date.now();
  let detail = '';
  const text = (): string =>
    `  ${title} ... ${seconds(Date.now() - start)}${detail === '' ? '' : ` (${detail})`}`;
  const tty = process.stdout.isTTY;
  const timer = setInterval(
    () =>
      process.stdout.write(
        tty ? `\r${text().slice(0, (process.stdout.columns || 80) - 1)}\x1b[K` : `${text()}\n`,
      ),
    tty ? 200 : 10_000,
  );
  const end = (word: string): void => {
    clearInterval(timer);
    const line = `  ${title}: ${word} in ${seconds(Date.now() - start)}`;
    process.stdout.write(tty ? `\r${line}\x1b[K\n` : `${line}\n`);
  };
  try {
    const value = await work((words) => {
      detail = words;
    });
    end('done');
    return value;
  } catch (error) {
    end('failed');
    throw error;
  }
};
