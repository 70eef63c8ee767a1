/**
 * The broker's HTTP server on its unix socket. The contract: protocol/broker.ts.
 *
 * S1  No call is looked at before its token is right; tokens are compared in constant time.
 * S2  A body is parsed against its closed schema; what it holds is read, never passed on.
 * S3  Upgraded connections are ours to end: the HTTP server waits for them when it closes, and does not know them.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { parseBootId, parseContainerId, parseWorkerId } from '@zerofleet/model';
import {
  BROKER_BOOT_HEADER,
  BROKER_LIFE_HEADER,
  BROKER_UPGRADE,
  BROKER_WORKER_HEADER,
} from '@zerofleet/protocol';
import type { Logger } from '@zerofleet/runtime';
import type { Containers } from './containers.js';
import type { Owner } from './create-body.js';
import { parseCreateRequest } from './create-request.js';
import { statusOf, type DockerEngine } from './docker-engine.js';

const BODY_BYTES_MAX = 4_096;
const ATTACH_PATH = /^\/v1\/containers\/([A-Za-z0-9_-]+)\/attach$/;

export interface BrokerServerOptions {
  readonly token: string;
  readonly images: readonly string[];
  readonly containers: Containers;
  readonly engine: DockerEngine;
  readonly log: Logger;
}

/** This life of the broker. */
const LIFE = randomUUID();

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A header that is there once, else nothing. */
const one = (header: string | string[] | undefined): string => (typeof header === 'string' ? header : '');

/** The caller that the headers of a call name, if its token is right (S1). */
export const callerOf = (headers: IncomingMessage['headers'], token: string): Owner | undefined => {
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  if (!timingSafeEqual(digest(given), digest(token))) return undefined;
  const worker = parseWorkerId(one(headers[BROKER_WORKER_HEADER]));
  const boot = parseBootId(one(headers[BROKER_BOOT_HEADER]));
  return worker === undefined || boot === undefined ? undefined : { worker, boot };
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any route runs. */
    owner: Owner;
  }
}

const answer = (reply: FastifyReply, status: number, message: string): FastifyReply =>
  reply.code(status).send({ error: message });

/** The server, not listening yet. */
export const newBrokerServer = (options: BrokerServerOptions): FastifyInstance => {
  const { containers, engine, images, token, log } = options;
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  server.decorateRequest('owner');
  server.addHook('onRequest', (request, reply, next) => {
    void reply.header(BROKER_LIFE_HEADER, LIFE);
    const owner = callerOf(request.headers, token);
    if (owner === undefined) {
      answer(reply, 401, 'no valid token, worker and boot');
    } else if (!containers.admit(owner)) {
      answer(reply, 410, 'this boot was replaced by a newer one');
    } else {
      request.owner = owner;
      next();
    }
  });
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 502;
    if (status >= 500)
      log.warn({ error: error.message, engineStatus: statusOf(error) }, 'engine_call_failed');
    return answer(reply, status >= 400 && status < 500 ? status : 502, error.message);
  });
  server.setNotFoundHandler((_request, reply) => answer(reply, 404, 'no such thing'));
  server.post('/v1/containers', (request, reply) => create(options, request, reply));
  server.get('/v1/containers', (request) => ({
    containers: containers.list(request.owner).map((id) => ({ id })),
  }));
  server.delete('/v1/containers/:id', async (request, reply) => {
    const id = parseContainerId((request.params as { id: string }).id);
    if (id !== undefined) await containers.end(request.owner, id);
    return reply.code(204).send();
  });
  server.get('/v1/engine', () => engine.info(images));
  const attached = new Set<Duplex>();
  server.addHook('preClose', (done) => {
    for (const socket of attached) socket.destroy();
    done();
  });
  server.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    attached.add(socket);
    socket.once('close', () => attached.delete(socket));
    socket.on('error', () => socket.destroy());
    void attach(options, request, socket, head).catch((error: Error) => {
      log.warn({ error: error.message }, 'attach_failed');
      refuseUpgrade(socket, 502);
    });
  });
  return server;
};

const create = async (
  { containers, images }: BrokerServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const parsed = parseCreateRequest(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
  if (!parsed.ok) return answer(reply, 400, parsed.reason);
  const pool = parsed.value;
  if (!images.includes(pool.image)) return answer(reply, 403, 'the image is not on the list of this broker');
  const made = await containers.create(request.owner, pool);
  if (made.kind === 'full') return answer(reply, 429, 'the worker has as many containers as it may');
  return reply.code(201).send({ id: made.id });
};

const refuseUpgrade = (socket: Duplex, status: number): void => {
  socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
};

/** Joins the caller's connection to the container's stream until one of them ends. */
const attach = async (
  { containers, token }: BrokerServerOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> => {
  const owner = callerOf(request.headers, token);
  if (owner === undefined) return refuseUpgrade(socket, 401);
  const id = ATTACH_PATH.exec(request.url ?? '')?.[1];
  if (id === undefined || request.headers.upgrade !== BROKER_UPGRADE || !containers.admit(owner))
    return refuseUpgrade(socket, 404);
  const stream = await containers.attach(owner, id);
  if (stream === undefined) return refuseUpgrade(socket, 404);
  if (socket.destroyed) {
    stream.destroy();
    return;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${BROKER_UPGRADE}\r\n${BROKER_LIFE_HEADER}: ${LIFE}\r\n\r\n`,
  );
  if (head.byteLength > 0) stream.write(head);
  socket.pipe(stream);
  stream.pipe(socket);
  // The server's connections stay half open: a caller that is gone shows as an end, not as a close.
  socket.once('end', () => stream.destroy());
  socket.once('close', () => stream.destroy());
  stream.once('close', () => socket.destroy());
};
