/**
 * Runners in tool containers, through the engine broker.
 *
 * K1  One connection a container, held for its life: when it ends, the broker removes the container, and when the
 *     worker dies its connections end.
 * K2  A connection that ends because the broker or its engine did is told from one whose container ended: every answer
 *     names the broker's life, and says when the engine is away.
 * K3  A broker or an engine that is away is waited for, AWAY_MAX_MS at most: its restart is no fault of the image, and no
 *     job's.
 * K4  An image that the node does not have is fetched before the container is made: who waits for it waits longer.
 */
import type { Duplex } from 'node:stream';
import type { PoolSpec } from '@zerofleet/model';
import { CreatedShape, jsonParser, type CreateRequest } from '@zerofleet/protocol';
import { pause, systemClock } from '@zerofleet/runtime';
import { BrokerAway, BrokerRefusal, type BrokerClient } from './broker-client.js';
import type { NodeImages } from './broker-images.js';
import { Demux } from './demux.js';
import { StartError, type RunnerPipe, type ToolEngine } from './tool-engine.js';

/** A broker that does not answer this question within so long is gone, in ms. */
const ALIVE_TIMEOUT_MS = 1_000;
const AWAY_MAX_MS = 10_000;
const AWAY_PAUSE_MS = 250;
/** What is kept of a runner's crash report. */
const CRASH_TEXT_MAX = 2_000;

const parseCreated = jsonParser(CreatedShape);

export class BrokerEngine implements ToolEngine {
  private readonly broker: BrokerClient;
  private readonly images: NodeImages;
  private readonly closing = new AbortController();

  constructor(broker: BrokerClient, images: NodeImages) {
    this.broker = broker;
    this.images = images;
  }

  async open(pool: PoolSpec): Promise<RunnerPipe> {
    const untilMs = systemClock.nowMs() + AWAY_MAX_MS;
    for (;;) {
      try {
        return await this.openOnce(pool);
      } catch (error) {
        const isLate = systemClock.nowMs() >= untilMs || this.closing.signal.aborted;
        if (!(error instanceof BrokerAway) || isLate) throw error;
      }
      await pause(systemClock, AWAY_PAUSE_MS, this.closing.signal);
    }
  }

  close(): void {
    this.closing.abort();
  }

  private async openOnce(pool: PoolSpec): Promise<RunnerPipe> {
    const id = await this.create(pool);
    try {
      const { socket, life } = await this.broker.attach(id);
      return this.pipeOf(id, socket, life);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  /** The id of a container that is made and not started. */
  private async create(pool: PoolSpec): Promise<string> {
    const asked: CreateRequest = { pool };
    const ask = (): Promise<{ readonly body: Buffer }> => this.broker.ask('POST', '/v1/containers', asked);
    const { body } = await ask().catch(async (error: unknown) => {
      if (!(error instanceof BrokerRefusal) || error.reason !== 'image_missing') throw error;
      await this.images.pull(pool.image);
      return ask();
    });
    const created = parseCreated(body);
    if (!created.ok) throw new StartError(`the engine broker's answer cannot be read: ${created.reason}`);
    return created.value.id;
  }

  private async remove(id: string): Promise<void> {
    await this.broker.ask('DELETE', `/v1/containers/${id}`).catch(() => undefined);
  }

  /** What was lost with all its containers since the broker answered with `life`; undefined when nothing was (K2). */
  private async lostSince(life: string): Promise<string | undefined> {
    const asked = this.broker.ask('GET', '/v1/containers', undefined, ALIVE_TIMEOUT_MS);
    return asked.then(
      (answer) => (answer.life === life ? undefined : 'the engine broker was lost'),
      (error: unknown) =>
        error instanceof BrokerAway ? error.message : 'the engine broker was lost: it does not answer',
    );
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
          void this.lostSince(life).then((lost) => {
            if (lost === undefined) end(crash.trim() === '' ? 'the container ended' : crash.trim(), false);
            else end(lost, true);
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
