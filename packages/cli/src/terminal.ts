/**
 * The one place that writes: stdout for what was asked for, stderr for words about it.
 *
 * T1  A write waits for a slow reader: a job's output is never buffered without bound.
 * T2  A reader who left (EPIPE) is no error: what else is for it is dropped, and `readerLeft` is aborted.
 */
import type { Writable } from 'node:stream';

export type StreamName = 'stdout' | 'stderr';

export class Terminal {
  private readonly streams: Readonly<Record<StreamName, Writable>>;
  private readonly left = new AbortController();
  private readonly closed = new Set<StreamName>();
  /** Whether the last thing on stdout ended its line. */
  private lineEnded = true;

  constructor(stdout: Writable, stderr: Writable) {
    this.streams = { stdout, stderr };
    this.watch('stdout');
    this.watch('stderr');
  }

  /** Aborted once nobody reads stdout any more. */
  get readerLeft(): AbortSignal {
    return this.left.signal;
  }

  /** Writes bytes as they are. */
  async write(name: StreamName, bytes: Uint8Array): Promise<void> {
    const stream = this.streams[name];
    if (this.closed.has(name) || bytes.byteLength === 0) return;
    if (name === 'stdout') this.lineEnded = bytes.at(-1) === LF;
    if (stream.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'close', 'error']) stream.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) stream.once(event, done);
    });
  }

  /** A line of what was asked for, on a line of its own. */
  async print(text: string): Promise<void> {
    await this.write('stdout', Buffer.from(`${this.lineEnded ? '' : '\n'}${text}\n`));
  }

  /** One JSON document, or one line of JSON lines. */
  printJson(value: unknown): Promise<void> {
    return this.print(JSON.stringify(value));
  }

  /** One line about something, for people. */
  async note(text: string): Promise<void> {
    await this.write('stderr', Buffer.from(`zerofleet: ${oneLine(text)}\n`));
  }

  private watch(name: StreamName): void {
    this.streams[name].on('error', () => {
      this.closed.add(name);
      if (name === 'stdout') this.left.abort();
    });
  }
}

const LF = 0x0a;

/** `text` with line breaks and control characters as spaces: what a server says cannot draw on the terminal. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

/** A name that somebody else chose, with what cannot be seen or turns text around written out. */
export const escaped = (name: string): string =>
  name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu, (c) =>
    c === '\\' ? '\\\\' : `\\u{${c.codePointAt(0)?.toString(16)}}`,
  );
