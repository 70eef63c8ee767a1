/**
 * Calls of the engine broker, on its unix socket. The contract: protocol/broker.ts.
 *
 * L1  Every call ends within a bound, and so does what is kept of an answer.
 * L2  What went wrong is told apart: the broker refused, by its code; or it, or its engine, is away.
 */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BootId, WorkerId } from '@zerofleet/model';
import {
  BROKER_BOOT_HEADER,
  BROKER_LIFE_HEADER,
  BROKER_UPGRADE,
  BROKER_WORKER_HEADER,
  BrokerErrorShape,
  encodeJson,
  jsonParser,
} from '@zerofleet/protocol';
import { StartError } from './tool-engine.js';

const CALL_TIMEOUT_MS = 30_000;
/** An answer of the broker, at most. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** What a socket says that nobody listens on any more, or not yet. */
const AWAY_CODES: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EAGAIN',
]);

const parseError = jsonParser(BrokerErrorShape);

/** The broker answered that it does not do it. */
export class BrokerRefusal extends StartError {
  /** Its code; '' where the answer could not be read. */
  readonly reason: string;

  constructor(status: number, reason: string, sentence: string) {
    super(`the engine broker answered ${status}: ${sentence}`);
    this.reason = reason;
  }
}

/** The broker, or the engine behind it, cannot be reached: it may be back in a moment. */
export class BrokerAway extends StartError {}

export interface BrokerAnswer {
  readonly body: Buffer;
  /** The broker's life that answered. */
  readonly life: string;
}

export interface BrokerClientOptions {
  readonly socketPath: string;
  readonly token: string;
  readonly worker: WorkerId;
  readonly boot: BootId;
}

export class BrokerClient {
  private readonly options: BrokerClientOptions;

  constructor(options: BrokerClientOptions) {
    this.options = options;
  }

  /** One call. Throws BrokerRefusal, BrokerAway, or StartError when the answer does not come or cannot be read. */
  ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<BrokerAnswer> {
    return new Promise((resolve, reject) => {
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = this.request(method, path, type, timeoutMs, reject);
      outgoing.on('response', (answer) => {
        collect(answer)
          .then((bytes) => resolve(readAnswer(answer, bytes)))
          .catch(reject);
      });
      outgoing.end(body === undefined ? undefined : encodeJson(body));
    });
  }

  /** Attaches to a container, which starts it. Throws as ask() does. */
  attach(id: string): Promise<{ socket: Duplex; life: string }> {
    return new Promise((resolve, reject) => {
      const upgrade = { connection: 'Upgrade', upgrade: BROKER_UPGRADE };
      const path = `/v1/containers/${id}/attach`;
      const outgoing = this.request('GET', path, upgrade, CALL_TIMEOUT_MS, reject);
      outgoing.on('response', (answer) => {
        collect(answer)
          .then((bytes) => {
            readAnswer(answer, bytes);
            throw new StartError(`the engine broker answered ${answer.statusCode ?? 0} to an attach`);
          })
          .catch(reject);
      });
      outgoing.on('upgrade', (answer, socket, head) => {
        if (head.byteLength > 0) socket.unshift(head);
        resolve({ socket, life: lifeOf(answer) });
      });
      outgoing.end();
    });
  }

  private request(
    method: string,
    path: string,
    more: Readonly<Record<string, string>>,
    timeoutMs: number,
    reject: (error: Error) => void,
  ): ClientRequest {
    const { socketPath, token, worker, boot } = this.options;
    const own = {
      authorization: `Bearer ${token}`,
      [BROKER_WORKER_HEADER]: worker,
      [BROKER_BOOT_HEADER]: boot,
    };
    const outgoing = request({ socketPath, method, path, headers: { ...own, ...more }, agent: false });
    // Of the whole call: a socket's own time-out would begin anew with every byte.
    const late = setTimeout(
      () => outgoing.destroy(new StartError(`the engine broker did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settled = (): void => clearTimeout(late);
    outgoing.once('upgrade', settled);
    outgoing.once('close', settled);
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        AWAY_CODES.has(error.code) ? new BrokerAway(`the engine broker is away: ${error.message}`) : error,
      ),
    );
    return outgoing;
  }
}

const lifeOf = (answer: IncomingMessage): string => String(answer.headers[BROKER_LIFE_HEADER] ?? '');

/** An answer that is no refusal. Throws BrokerRefusal, or BrokerAway where it is the engine that is away. */
const readAnswer = (answer: IncomingMessage, body: Buffer): BrokerAnswer => {
  const status = answer.statusCode ?? 0;
  if (status < 400) return { body, life: lifeOf(answer) };
  const parsed = parseError(body);
  const { code, error } = parsed.ok ? parsed.value : { code: '', error: body.toString('utf8', 0, 300) };
  if (code === 'engine_away') throw new BrokerAway(`the Docker engine is away: ${error}`);
  throw new BrokerRefusal(status, code, error);
};

const collect = async (answer: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    bytes += piece.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new StartError('the engine broker said too much');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};
