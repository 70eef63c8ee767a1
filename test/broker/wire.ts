/** A connection to the broker's socket, byte by byte: for what no HTTP client would send. */
import { createConnection, type Socket } from 'node:net';

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  /** The refusal's code; '' where the answer is none. */
  readonly code: string;
  readonly body: string;
}

/** Opens a connection. Its errors are its end, which tests look at. */
export const connect = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });

/** Everything that comes until the other side ends the connection. Throws when it does not within `timeoutMs`. */
export const untilClosed = (socket: Socket, timeoutMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${timeoutMs} ms; so far ${JSON.stringify(text)}`));
    }, timeoutMs);
    const done = (): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(text);
    };
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => (text += piece));
    socket.once('end', done);
    socket.once('close', done);
  });

/** The answers in what came on a connection. */
export const answersIn = (text: string): RawAnswer[] => {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest !== '';) {
    const [head = '', length] = headOf(rest);
    const body = rest.slice(head.length, head.length + length);
    answers.push({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), code: codeIn(body), body });
    rest = rest.slice(head.length + length);
  }
  return answers;
};

const headOf = (text: string): [head: string, bodyBytes: number] => {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return [text, 0];
  const head = text.slice(0, end + 4);
  return [head, Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)];
};

const codeIn = (body: string): string => {
  try {
    return (JSON.parse(body) as { code?: string }).code ?? '';
  } catch {
    return '';
  }
};

/** Sends `bytes` on a connection of their own and returns what was answered until it was closed. */
export const exchange = async (
  path: string,
  bytes: string | Buffer,
  timeoutMs = 15_000,
): Promise<RawAnswer[]> => {
  const socket = await connect(path);
  const answered = untilClosed(socket, timeoutMs);
  socket.write(bytes);
  return answersIn(await answered);
};

/** A call as text: first line, headers, body. */
export const callText = (first: string, headers: readonly string[], body = ''): string =>
  `${[first, ...headers].join('\r\n')}\r\n\r\n${body}`;
