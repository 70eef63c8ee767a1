/**
 * The broker's HTTP server on its unix socket. The contract: protocol/broker.ts.
 *
 * S1  Nothing of a call is done before its token is right, its boot is heard and it is one of the list (door.ts).
 * S2  A body is parsed against its closed schema; what it holds is read, never passed on.
 * S3  One call a connection: nothing that follows it on the same one is ever read.
 * S4  Connections are bounded in number and in time, so that no caller can hold the broker up: only an attach lasts.
 * S5  Every connection is ours to end: none of them keeps the broker from stopping.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { BROKER_LIFE_HEADER, BROKER_UPGRADE, encodeJson } from '@zerofleet/protocol';
import type { Logger } from '@zerofleet/runtime';
import type { Callers } from './callers.js';
import type { Containers } from './containers.js';
import type { Owner } from './create-body.js';
import { poolIn, referenceIn } from './bodies.js';
import type { DockerEngine } from './docker-engine.js';
import { EngineError } from './engine-call.js';
import type { Images } from './images.js';
import { callerOf, callOf, type Call } from './door.js';
import { listenOn } from './socket-file.js';
import { Refusal } from './refusal.js';

/** A call's headers, and its body, must be there within so long, in ms. */
const CALL_WITHIN_MS = 5_000;
const CHECK_EVERY_MS = 500;
const HEADER_BYTES_MAX = 8_192;
/** Connections beside one for each container that there may be. */
const CALLS_MAX = 64;

export interface BrokerServerOptions {
  readonly token: string;
  readonly images: Images;
  readonly callers: Callers;
  readonly containers: Containers;
  readonly containersMax: number;
  readonly engine: DockerEngine;
  readonly log: Logger;
}

/** This life of the broker. */
const LIFE = randomUUID();

type Answer = { readonly status: number; readonly body?: unknown };

export class BrokerServer {
  private readonly options: BrokerServerOptions;
  private readonly server: Server;
  private readonly sockets = new Set<Duplex>();
  /** Connections on which a call has come, with what answers it; an attach is answered on the connection itself. */
  private readonly used = new WeakMap<Duplex, ServerResponse | undefined>();

  constructor(options: BrokerServerOptions) {
    this.options = options;
    this.server = createServer({
      headersTimeout: CALL_WITHIN_MS,
      requestTimeout: CALL_WITHIN_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      insecureHTTPParser: false,
      // Looked at in the door: Node's own refusal has no code, and spares upgrades.
      requireHostHeader: false,
    });
    this.server.maxConnections = options.containersMax + CALLS_MAX;
    this.server.on('connection', (socket: Duplex) => {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.sockets.delete(socket));
    });
    const onRequest = (message: IncomingMessage, response: ServerResponse): void =>
      void this.onRequest(message, response);
    this.server.on('request', onRequest);
    // Without these Node would meet an expectation, or refuse it, before anybody looked at the token.
    this.server.on('checkContinue', onRequest);
    this.server.on('checkExpectation', onRequest);
    const onUpgrade = (message: IncomingMessage, socket: Duplex, head: Buffer): void =>
      void this.onUpgrade(message, socket, head);
    this.server.on('upgrade', onUpgrade);
    this.server.on('connect', onUpgrade);
    this.server.on('clientError', (error: Error & { code?: string }, socket: Duplex) =>
      this.refuseRest(socket, refusalOfParser(error.code)),
    );
  }

  /** Listens at `path`, for the owner of this process and for group `gid`, where that is not 0. */
  listen(path: string, gid: number): Promise<void> {
    return listenOn(this.server, path, gid);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private async onRequest(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.used.has(message.socket)) return this.refuseRest(message.socket, secondCall());
    this.used.set(message.socket, response);
    response.shouldKeepAlive = false;
    response.setHeader(BROKER_LIFE_HEADER, LIFE);
    let answer: Answer;
    try {
      const { owner, call } = this.admit(message);
      answer = await this.perform(owner, call, message, () => !response.destroyed);
    } catch (error) {
      const refusal = this.refusalOf(error);
      answer = { status: refusal.status, body: refusal.body };
    }
    const body = answer.body === undefined ? undefined : encodeJson(answer.body);
    response.statusCode = answer.status;
    if (body !== undefined)
      response.setHeader('content-type', 'application/json').setHeader('content-length', body.byteLength);
    response.end(body);
  }

  /** Who calls for what. Throws Refusal. */
  private admit(message: IncomingMessage): { owner: Owner; call: Call } {
    const owner = callerOf(message, this.options.token);
    if (this.options.callers.admit(owner)) this.options.containers.endOlder(owner);
    return { owner, call: callOf(message) };
  }

  private async perform(
    owner: Owner,
    call: Call,
    message: IncomingMessage,
    isWanted: () => boolean,
  ): Promise<Answer> {
    const { containers, engine, images } = this.options;
    switch (call.kind) {
      case 'create': {
        const pool = poolIn(await bodyOf(message, call.bytes));
        await engine.demandRuntime(pool.runtime);
        const image = await images.idOf(pool.image);
        return { status: 201, body: { id: await containers.create(owner, { pool, image }, isWanted) } };
      }
      case 'list':
        // A worker asks when a container has ended: whether the engine has, too, makes a difference to it.
        await engine.ping();
        return { status: 200, body: { containers: containers.list(owner).map((id) => ({ id })) } };
      case 'engine': {
        const [info, { disk }] = await Promise.all([engine.info(), images.held()]);
        return { status: 200, body: { ...info, images: images.listed(), disk } };
      }
      case 'images':
        return { status: 200, body: await images.held() };
      case 'pull': {
        const reference = referenceIn(await bodyOf(message, call.bytes));
        return { status: 200, body: { reference, id: (await images.pull(reference)).id } };
      }
      case 'remove':
        await images.remove(call.id);
        return { status: 204 };
      case 'end':
        await containers.end(owner, call.id);
        return { status: 204 };
      case 'attach':
        throw new Refusal('upgrade_required', `an attach is an upgrade to ${BROKER_UPGRADE}`);
    }
  }

  private async onUpgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.used.has(socket)) return this.refuseRest(socket, secondCall());
    this.used.set(socket, undefined);
    try {
      const { owner, call } = this.admit(message);
      if (call.kind !== 'attach') throw new Refusal('not_found', 'no such call');
      const stream = await this.options.containers.attach(owner, call.id, () => !socket.destroyed);
      join(socket, stream, head);
    } catch (error) {
      refuseOn(socket, this.refusalOf(error));
    }
  }

  /** Ends a connection on which there is more, or less, than one call; what it asked for first is not wanted any more. */
  private refuseRest(socket: Duplex, refusal: Refusal): void {
    const isAnswered = this.used.get(socket)?.headersSent === true;
    if (isAnswered || !socket.writable) socket.destroy();
    else refuseOn(socket, refusal);
  }

  private refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const message = error instanceof Error ? error.message : String(error);
    this.options.log.warn({ error: message }, 'engine_call_failed');
    return new Refusal(error instanceof EngineError ? error.code : 'engine_failed', message);
  }
}

const secondCall = (): Refusal => new Refusal('malformed', 'one call a connection');

/** The body, all of it. Throws Refusal when the caller goes in the middle of it. */
const bodyOf = async (message: IncomingMessage, length: number): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message as AsyncIterable<Buffer>) pieces.push(piece);
  } catch {
    throw new Refusal('malformed', 'half a body');
  }
  const body = Buffer.concat(pieces);
  if (body.byteLength !== length) throw new Refusal('malformed', 'half a body');
  return body;
};

const refusalOfParser = (code: string | undefined): Refusal => {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Refusal('too_slow', 'the call did not come in time');
  if (code === 'HPE_HEADER_OVERFLOW') return new Refusal('headers_too_large', 'too many headers');
  return new Refusal('malformed', 'not HTTP as it is spoken here');
};

/** A refusal where there is no response object to write it with. */
const refuseOn = (socket: Duplex, refusal: Refusal): void => {
  const body = encodeJson(refusal.body);
  const head = [
    `HTTP/1.1 ${refusal.status} Refused`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${body.byteLength}`,
    `${BROKER_LIFE_HEADER}: ${LIFE}`,
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]), () => socket.destroy());
};

/** Joins the caller's connection to the container's stream until one of them ends. */
const join = (socket: Duplex, stream: Duplex, head: Buffer): void => {
  socket.once('close', () => stream.destroy());
  if (socket.destroyed) return void stream.destroy();
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'connection: Upgrade',
    `upgrade: ${BROKER_UPGRADE}`,
    `${BROKER_LIFE_HEADER}: ${LIFE}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.byteLength > 0) stream.write(head);
  socket.pipe(stream);
  stream.pipe(socket);
  // The server's connections stay half open: a caller that is gone shows as an end, not as a close.
  socket.once('end', () => stream.destroy());
  stream.once('close', () => socket.destroy());
};
