/**
 * Runners in tool containers, through the engine broker on its unix socket.
 *
 * K1  One connection a container, held for its life: when it ends, the broker removes the container, and when the
 *     worker dies its connections end.
 * K2  A connection that ends because the broker did is told from one whose container ended: every answer names the
 *     broker's life.
 */
import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BootId, PoolSpec, WorkerId } from '@zerofleet/model';
import {
  BROKER_BOOT_HEADER,
  BROKER_LIFE_HEADER,
  BROKER_UPGRADE,
  BROKER_WORKER_HEADER,
  CreatedShape,
  encodeJson,
  jsonParser,
  type CreateRequest,
} from '@zerofleet/protocol';
import { Demux } from './demux.js';
import { StartError, type RunnerPipe, type ToolEngine } from './tool-engine.js';

const CALL_TIMEOUT_MS = 30_000;
/** A broker that does not answer this question within so long is gone, in ms. */
const ALIVE_TIMEOUT_MS = 1_000;
/** What is kept of a runner's crash report. */
const CRASH_TEXT_MAX = 2_000;
/** An answer of the broker, at most. */
const ANSWER_BYTES_MAX = 64 * 1024;

const parseCreated = jsonParser(CreatedShape);

export interface BrokerEngineOptions {
  readonly socketPath: string;
  readonly token: string;
  readonly worker: WorkerId;
  readonly boot: BootId;
}

export class BrokerEngine implements ToolEngine {
  private readonly options: BrokerEngineOptions;

  constructor(options: BrokerEngineOptions) {
    this.options = options;
  }

  async open(pool: PoolSpec): Promise<RunnerPipe> {
    const body: CreateRequest = { pool };
    const answer = await this.call('POST', '/v1/containers', encodeJson(body));
    const created = answer.status === 201 ? parseCreated(answer.body) : undefined;
    if (created?.ok !== true)
      throw new StartError(
        `the engine broker answered ${answer.status}: ${answer.body.toString('utf8', 0, 300)}`,
      );
    const { id } = created.value;
    try {
      const { socket, life } = await this.attach(id);
      return this.pipeOf(id, socket, life);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  private async remove(id: string): Promise<void> {
    await this.call('DELETE', `/v1/containers/${id}`).catch(() => undefined);
  }

  private headers(): Record<string, string> {
    const { token, worker, boot } = this.options;
    return { authorization: `Bearer ${token}`, [BROKER_WORKER_HEADER]: worker, [BROKER_BOOT_HEADER]: boot };
  }

  /** Whether the broker is still the one that answered with `life`. */
  private async isAlive(life: string): Promise<boolean> {
    const answer = await this.call('GET', '/v1/containers', undefined, ALIVE_TIMEOUT_MS).catch(
      () => undefined,
    );
    return answer?.life === life;
  }

  private call(
    method: string,
    path: string,
    body?: Uint8Array,
    timeout = CALL_TIMEOUT_MS,
  ): Promise<{ status: number; body: Buffer; life: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...this.headers(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const outgoing = request({ socketPath: this.options.socketPath, method, path, headers, timeout });
      outgoing.on('timeout', () =>
        outgoing.destroy(new StartError('the engine broker did not answer in time')),
      );
      outgoing.on('error', reject);
      outgoing.on('response', (answer) => {
        const head = { status: answer.statusCode ?? 0, life: lifeOf(answer) };
        collect(answer).then((bytes) => resolve({ ...head, body: bytes }), reject);
      });
      outgoing.end(body);
    });
  }

  private attach(id: string): Promise<{ socket: Duplex; life: string }> {
    return new Promise((resolve, reject) => {
      const headers = { ...this.headers(), connection: 'Upgrade', upgrade: BROKER_UPGRADE };
      const path = `/v1/containers/${id}/attach`;
      const outgoing = request({ socketPath: this.options.socketPath, path, headers });
      const timer = setTimeout(
        () => outgoing.destroy(new StartError('the container did not start in time')),
        CALL_TIMEOUT_MS,
      );
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', reject);
      outgoing.on('response', (answer) => {
        answer.resume();
        reject(new StartError(`the engine broker refused the attach with ${answer.statusCode ?? 0}`));
      });
      outgoing.on('upgrade', (answer, socket, head) => {
        clearTimeout(timer);
        if (head.byteLength > 0) socket.unshift(head);
        resolve({ socket, life: lifeOf(answer) });
      });
      outgoing.end();
    });
  }

  private pipeOf(id: string, socket: Duplex, life: string): RunnerPipe {
    let crash = '';
    let take: (bytes: Buffer) => void = () => undefined;
    const demux = new Demux(
      (bytes) => take(bytes),
      (bytes) => {
        crash = (crash + bytes.toString('utf8')).slice(-CRASH_TEXT_MAX);
      },
    );
    socket.on('error', () => socket.destroy());
    return {
      id: id.slice(0, 12),
      write: (bytes) => void socket.write(bytes),
      onData: (listener) => {
        take = listener;
        socket.on('data', (bytes: Buffer) => demux.push(bytes));
      },
      onEnd: (end) => {
        socket.once('close', () => {
          void this.isAlive(life).then((alive) => {
            if (alive) end(crash.trim() === '' ? 'the container ended' : crash.trim(), false);
            else end('the engine broker was lost', true);
          });
        });
      },
      destroy: async () => {
        socket.destroy();
        await this.remove(id);
      },
    };
  }
}

const lifeOf = (answer: IncomingMessage): string => String(answer.headers[BROKER_LIFE_HEADER] ?? '');

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
