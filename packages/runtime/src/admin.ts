/**
 * The second listener of every process: /metrics, /healthz, /readyz.
 *
 * A1  /healthz never depends on a peer: unhealthy means killed, and a broker's blip must not kill a fleet.
 * A2  Whoever holds connections open holds up nobody else: unanswered health checks get a process killed.
 * A3  /readyz says what is missing, in its body, with status 503.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Socket } from 'node:net';
import type { Service } from './service.js';

/** Connections at once: with one more, the oldest ends. */
const CONNECTIONS_MAX = 64;
/** A call's headers and body must be there within so long, in ms. */
const CALL_WITHIN_MS = 5_000;
const CHECK_EVERY_MS = 1_000;

/** What a process says of its readiness; `details` is for people and for the CLI. */
export interface Readiness {
  readonly ready: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export class AdminServer implements Service {
  private readonly options: {
    readonly host: string;
    readonly port: number;
    readonly registry: Registry;
    readonly readiness: () => Readiness;
  };
  private server: FastifyInstance | undefined;

  constructor(options: AdminServer['options']) {
    this.options = options;
  }

  /** The bound port; the configured one before start. */
  get port(): number {
    const address = this.server?.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.options.port;
  }

  async start(): Promise<void> {
    const { host, port, registry, readiness } = this.options;
    const server = fastify({
      logger: false,
      forceCloseConnections: true,
      requestTimeout: CALL_WITHIN_MS,
      http: { headersTimeout: CALL_WITHIN_MS, connectionsCheckingInterval: CHECK_EVERY_MS },
    });
    server.server.on('connection', oldestEndsFirst());
    server.get('/healthz', () => ({ alive: true }));
    server.get('/readyz', (_request, reply) => {
      const state = readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    });
    server.get('/metrics', async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    );
    this.server = server;
    await server.listen({ host, port });
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    await server?.close();
  }
}

/** Takes connections, and ends the oldest when there are too many (A2). */
const oldestEndsFirst = (): ((socket: Socket) => void) => {
  const open = new Set<Socket>();
  return (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const [oldest] = open;
    if (open.size > CONNECTIONS_MAX) oldest?.destroy();
  };
};
