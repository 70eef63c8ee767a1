/** The worker on the wire while it goes: what still reaches it then is answered. */
import type { BootId, ShardId, WorkerId } from '@zerofleet/model';
import { encodeRun, shardNames } from '@zerofleet/protocol';
import { silentLogger } from '@zerofleet/runtime';
import { describe, expect, it } from 'vitest';
import { HandClock, settled } from './pool/hand-clock.test.helper.js';
import { Worker, type WorkerOptions } from './worker.js';

const BOOT = '00000000-0000-4000-8000-000000000001' as BootId;
const NAMES = shardNames('s0' as ShardId);
const WORKER = 'w' as WorkerId;

/** A server that hands a request to whoever listens; undefined where nobody does. */
class Server {
  private readonly listeners = new Map<string, (error: null, message: unknown) => void>();
  readonly connection = {
    subscribe: (subject: string, { callback }: { callback: (error: null, message: unknown) => void }) => {
      this.listeners.set(subject, callback);
      return { unsubscribe: () => void this.listeners.delete(subject) };
    },
    publish: () => undefined,
    isClosed: () => false,
  } as unknown as WorkerOptions['connection'];

  async ask(subject: string, data: Uint8Array): Promise<unknown> {
    let answer: unknown;
    const respond = (bytes: Uint8Array): void => void (answer = JSON.parse(new TextDecoder().decode(bytes)));
    this.listeners.get(subject)?.(null, { data, respond });
    await settled();
    return answer;
  }
}

describe('a worker that drained', () => {
  it('still answers what a leader sent before it heard of that, and then is gone', async () => {
    const [server, clock] = [new Server(), new HandClock()];
    const room = { cpuMilli: 0, memoryMiB: 0 };
    const worker = new Worker({
      ...{
        connection: server.connection,
        names: NAMES,
        worker: WORKER,
        boot: BOOT,
        mode: 'warm',
        room,
        clock,
      },
      log: silentLogger(),
      attempts: {
        free: room,
        isDraining: true,
        list: () => [],
        run: () => ({ v: 1, kind: 'taken', refused: [] }),
      },
      dones: { leaderSpoke: () => undefined },
      sessions: {},
      pool: { counts: () => [] },
    } as unknown as WorkerOptions);
    await worker.start();
    const run = (): Promise<unknown> =>
      server.ask(NAMES.run(WORKER), encodeRun({ epoch: 1, boot: BOOT, jobs: [] }, 2));
    let isOver = false;
    const stopped = worker.stop().then(() => (isOver = true));
    await clock.pass(499);
    expect([isOver, await run()]).toEqual([false, { v: 1, kind: 'taken', refused: [] }]);
    await clock.pass(1);
    await stopped;
    expect(await run()).toBeUndefined();
  });
});
