/**
 * The second listener of every process: /metrics, /healthz, /readyz.
 *
 * A1  /healthz never depends on a peer: unhealthy means killed, and a broker's blip must not kill a fleet.
 * A2  /readyz says what is missing, in its body, with status 503.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Service } from './service.js';

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
    const server = fastify({ logger: false });
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
