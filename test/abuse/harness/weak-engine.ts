/**
 * The Docker engine behind a socket of its own that weakens what goes through: a fleet whose broker calls it makes containers that
 * its broker never would, and the suite's assertions must see that.
 */
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** A create call's body, as far as it is weakened. */
export interface CreateBody {
  Cmd?: string[];
  NetworkDisabled?: boolean;
  StdinOnce?: boolean;
  HostConfig: Record<string, unknown> & { Tmpfs: Record<string, string> };
}

export interface WeakEngineOptions {
  /** Where it listens. */
  readonly socketPath: string;
  readonly enginePath: string;
  readonly weaken: (body: CreateBody) => void;
}

export class WeakEngine {
  /** How long a call that ends a container is held back, in ms. */
  endsLateMs = 0;
  private readonly options: WeakEngineOptions;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(options: WeakEngineOptions) {
    this.options = options;
    this.server = createServer((incoming, answer) => {
      this.pass(incoming).then(
        (from) => {
          answer.writeHead(from.statusCode ?? 502, from.headers);
          from.pipe(answer);
        },
        () => answer.writeHead(502).end(),
      );
    });
    this.server.on('connection', (socket: Socket) => this.keep(socket));
    this.server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => this.join(incoming, socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.options.socketPath, resolve));
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }

  /** Sends a call on, and gives the engine's answer. */
  private async pass(incoming: IncomingMessage): Promise<IncomingMessage> {
    const { method = 'GET', url = '/', headers } = incoming;
    const pieces: Buffer[] = [];
    for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece);
    let body = Buffer.concat(pieces);
    if (method === 'POST' && /\/containers\/create(\?|$)/.test(url)) body = this.weakened(body);
    if (method === 'DELETE' || /\/kill(\?|$)/.test(url))
      await new Promise((resolve) => setTimeout(resolve, this.endsLateMs));
    const rest = Object.entries(headers).filter(([name]) => name !== 'transfer-encoding');
    const whole = { ...Object.fromEntries(rest), 'content-length': String(body.byteLength) };
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.options.enginePath, method, path: url, headers: whole });
      outgoing.on('response', resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  private weakened(bytes: Buffer): Buffer<ArrayBuffer> {
    const body = JSON.parse(bytes.toString('utf8')) as CreateBody;
    this.options.weaken(body);
    return Buffer.from(JSON.stringify(body));
  }

  /** Joins an attach to the engine's. */
  private join({ method, url, headers }: IncomingMessage, socket: Socket): void {
    const outgoing = request({
      socketPath: this.options.enginePath,
      ...(method === undefined ? {} : { method }),
      ...(url === undefined ? {} : { path: url }),
      headers,
    });
    outgoing.on('error', () => socket.destroy());
    outgoing.on('response', () => socket.destroy());
    outgoing.on('upgrade', (answer, engine: Socket, head) => {
      this.keep(engine);
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
      socket.write(`HTTP/1.1 101 UPGRADED\r\n${lines.join('\r\n')}\r\n\r\n`);
      if (head.byteLength > 0) socket.write(head);
      engine.pipe(socket);
      socket.pipe(engine);
      engine.once('close', () => socket.destroy());
      socket.once('close', () => engine.destroy());
    });
    outgoing.end();
  }
}
