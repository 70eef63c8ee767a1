/**
 * Runners in tool containers, through the engine broker on its unix socket.
 *
 * K1  One connection a container, held for its life: when it ends, the broker removes the container, and when the
 *     worker dies its connections end.
 */
import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BootId, PoolSpec, WorkerId } from '@zerofleet/model';
import {
  BROKER_BOOT_HEADER,
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
      throw new StartError(`the engine broker answered ${answer.status}: ${answer.body.toString('utf8', 0, 300)}`);
    const { id } = created.value;
    try {
      return this.pipeOf(id, await this.attach(id));
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

  private call(method: string, path: string, body?: Uint8Array): Promise<{ status: number; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const headers = { ...this.headers(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const outgoing = request({ socketPath: this.options.socketPath, method, path, headers, timeout: CALL_TIMEOUT_MS });
      outgoing.on('timeout', () => outgoing.destroy(new StartError('the engine broker did not answer in time')));
      outgoing.on('error', reject);
      outgoing.on('response', (answer) => {
        collect(answer).then((bytes) => resolve({ status: answer.statusCode ?? 0, body: bytes }), reject);
      });
      outgoing.end(body);
    });
  }

  private attach(id: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const headers = { ...this.headers(), connection: 'Upgrade', upgrade: BROKER_UPGRADE };
      const path = `/v1/containers/${id}/attach`;
      const outgoing = request({ socketPath: this.options.socketPath, path, headers });
      const timer = setTimeout(() => outgoing.destroy(new StartError('the container did not start in time')), CALL_TIMEOUT_MS);
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', reject);
      outgoing.on('response', (answer) => {
        answer.resume();
        reject(new StartError(`the engine broker refused the attach with ${answer.statusCode ?? 0}`));
      });
      outgoing.on('upgrade', (_answer, socket, head) => {
        clearTimeout(timer);
        if (head.byteLength > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.end();
    });
  }

  private pipeOf(id: string, socket: Duplex): RunnerPipe {
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
      onEnd: (end) => void socket.once('close', () => end(crash.trim() === '' ? 'the container ended' : crash.trim())),
      destroy: async () => {
        socket.destroy();
        await this.remove(id);
      },
    };
  }
}

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
